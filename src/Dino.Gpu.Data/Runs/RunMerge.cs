using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Joins the parts of a run, either into the shards that one process would have written, byte for byte, or into one
/// file. Reads every row once, and keeps no more in memory than the format's writer does.
/// </summary>
public sealed class RunMerge
{
    private readonly IReadOnlyList<string> _folders;
    private readonly OutputTarget _target;
    private readonly bool _overwrite;
    private readonly bool _allowMixed;
    private readonly Stream _standardOutput;
    private readonly IEmbeddingProgress _progress;
    private readonly Action<string> _note;

    private RunMerge(
        IReadOnlyList<string> folders, OutputTarget target, bool overwrite, bool allowMixed, Stream standardOutput,
        IEmbeddingProgress? progress, Action<string>? note)
    {
        _folders = folders;
        _target = target;
        _overwrite = overwrite;
        _allowMixed = allowMixed;
        _standardOutput = standardOutput;
        _progress = progress ?? new NoProgress();
        _note = note ?? (_ => { });
    }

    /// <summary>Joins the parts of a run.</summary>
    /// <param name="folders">Parts, or folders that hold them.</param>
    /// <param name="output">A file whose extension names its format, or a folder of shards.</param>
    /// <param name="overwrite">Whether another run's shards in the folder are deleted.</param>
    /// <param name="allowMixed">Whether parts may be joined whose rows differ in their last digits.</param>
    /// <param name="progress">Who is told; null for nobody.</param>
    /// <param name="cancellation">Leaves nothing behind.</param>
    /// <exception cref="DinoException">
    /// A part is missing, unfinished, damaged or of another run, or the output cannot be written.
    /// </exception>
    /// <exception cref="ArgumentException">There is no folder, or one is null.</exception>
    public static MergeResult Merge(
        IReadOnlyList<string> folders, string output, bool overwrite = false, bool allowMixed = false,
        IEmbeddingProgress? progress = null, CancellationToken cancellation = default)
    {
        Arguments.ThrowIfAnyNull(folders);
        if (folders.Count == 0)
            throw new ArgumentException("At least one folder is needed.", nameof(folders));
        ArgumentNullException.ThrowIfNull(output);
        OutputTarget target = OutputTarget.Parse(output, format: null, hasFormat: false);
        if (target.IsStandardOutput)
            throw new DinoException($"cannot write '{output}': expected a file or a folder, found standard output", "name a file");
        return Merge(folders, target, overwrite, allowMixed, Stream.Null, progress, note: null, cancellation);
    }

    // The same, and also to standard output. Tells note what the user should know.
    internal static MergeResult Merge(
        IReadOnlyList<string> folders,
        OutputTarget target,
        bool overwrite,
        bool allowMixed,
        Stream standardOutput,
        IEmbeddingProgress? progress,
        Action<string>? note,
        CancellationToken cancellation) =>
        new RunMerge(folders, target, overwrite, allowMixed, standardOutput, progress, note).Run(cancellation);

    private MergeResult Run(CancellationToken cancellation)
    {
        IReadOnlyList<RunPart> parts = RunPart.Find(_folders);
        RunPart.RefuseUnfinished(parts);
        RefuseInputAsOutput(parts);
        RunRecord record = Whole(parts);
        CheckManifests(parts, record, cancellation);
        _target.EnsureWritable();
        return _target.IsFolder ? ToFolder(parts, record, cancellation) : ToFile(parts, record, cancellation);
    }

    /// <summary>The record of one process that did it all.</summary>
    /// <exception cref="DinoException">Rows differ in their last digits, and that is not allowed.</exception>
    private RunRecord Whole(IReadOnlyList<RunPart> parts)
    {
        RunRecord[] records = [.. parts.Where(part => part.Rows > 0).DefaultIfEmpty(parts[0]).Select(part => part.Record)];
        RefuseMixedVectors(parts);
        if (records.Any(record => !record.HasArithmeticOf(records[0]) && record.Device != records[0].Device))
            _note(
                $"the parts ran on different devices ({string.Join("; ", records.Select(record => record.Device).Distinct())}): their "
                    + $"rows agree within rounding, not byte for byte");
        return records[0].MixedWith(records[1..]) with
        {
            FirstRow = 0,
            LastRow = parts[0].Record.InputRows,
            ShardIndex = 0,
            ShardCount = 1,
            Failed = [],
        };
    }

    /// <summary>Vectors of another width sum in another order.</summary>
    private void RefuseMixedVectors(IReadOnlyList<RunPart> parts)
    {
        RunPart[] some = [.. parts.Where(part => part.Rows > 0)];
        if (some.Length > 1 && some.FirstOrDefault(part => part.Record.IsOfUnknownVectors) is { } unknown)
            _note($"{unknown.Name} does not say which vectors made its rows: they may differ from the others' in their last digits");
        IGrouping<string, RunPart>[] kinds = [.. some.Where(part => part.Record.Vectors is not null).GroupBy(part => part.Record.Vectors!)];
        if (kinds.Length < 2)
            return;
        string found = string.Join(", ", kinds.Select(kind => $"{kind.First().Name} by {kind.Key}"));
        if (!_allowMixed)
            throw new DinoException(
                $"the parts were made by different vectors ({found}): their rows would not be those of one process",
                "run the parts with the same --vector; --allow-mixed joins rows that differ in their last digits");
        _note($"the parts were made by different vectors ({found}): their rows agree within rounding, not byte for byte");
    }

    private MergeResult ToFolder(IReadOnlyList<RunPart> parts, RunRecord record, CancellationToken cancellation)
    {
        using var folder = RunFolder.Open(_target.Name);
        // If a part is this very folder, its lock is taken, whatever links and letter case its name has.
        if (parts.FirstOrDefault(part => RunFolder.IsInUse(part.Path)) is { } used)
            throw new DinoException($"cannot write {_target.Name}: {used.Name} is the same folder, or another dino works in it");
        return ToFolder(parts, record, folder, cancellation);
    }

    private MergeResult ToFolder(IReadOnlyList<RunPart> parts, RunRecord record, RunFolder folder, CancellationToken cancellation)
    {
        RunRecord? earlier = folder.Resume(record, _overwrite, _allowMixed); // what a killed merge left, or the finished run
        bool resumes = earlier is not null;
        record = earlier ?? record;
        try
        {
            if (!resumes || !File.Exists(folder.Manifest))
            {
                using var manifest = new AtomicFile(folder.Manifest);
                CopyManifests(parts, bytes => manifest.Write(bytes), cancellation);
                manifest.Complete();
            }

            if (!resumes)
                record.Save(folder.Path);

            RowSchema schema = Schema(parts, record, FormatCatalog.FromName(record.Format)!, record.Sha256);
            using var list = InputList.Open(folder.Manifest);
            using var rows = new ShardedOutput(folder, record, schema, list.Items);
            bool wasWhole = rows.Remaining == 0;
            long failed = rows.Failures + Copy(parts, schema, rows, record.LastRow - rows.Remaining, cancellation);
            return new MergeResult(record.LastRow, parts.Count, failed, record.Shards, record.RowShape(), wasWhole && resumes);
        }
        catch when (!resumes)
        {
            folder.Clear();
            throw;
        }
    }

    private MergeResult ToFile(IReadOnlyList<RunPart> parts, RunRecord record, CancellationToken cancellation)
    {
        EmbeddingFormat format = _target.Format;
        bool hasSha256 = record.Sha256 && record.Format != FormatCatalog.Npy.Name && record.Format != FormatCatalog.Safetensors.Name;
        if (record.Sha256 && !hasSha256 && format != FormatCatalog.Npy && format != FormatCatalog.Safetensors)
            _note($"the shards are {record.Format} files, which hold no sha256: neither will {_target.Name}");
        RowSchema schema = Schema(parts, record, format, hasSha256);
        using var rows = new SingleOutput(_target.Open(schema, _standardOutput), log: null);
        long failed = Copy(parts, schema, rows, doneBefore: 0, cancellation);
        return new MergeResult(record.LastRow, parts.Count, failed, 0, record.RowShape(), WasThere: false);
    }

    /// <summary>Copies the rows that the output does not have yet.</summary>
    /// <returns>How many of them failed.</returns>
    private long Copy(IReadOnlyList<RunPart> parts, RowSchema schema, IRowOutput output, long doneBefore, CancellationToken cancellation)
    {
        long first = output.NextRow;
        long failed = 0;
        var source = new PartRows(schema.Length);
        float[] missing = new float[schema.Length];
        Array.Fill(missing, float.NaN);
        long total = parts[^1].Record.LastRow;
        _progress.Begin(new EmbeddingStart(total, doneBefore));
        foreach (RunPart part in parts.Where(part => part.Record.LastRow > first))
        {
            foreach ((RowInfo info, bool isSkipped) in source.Read(part, first))
            {
                cancellation.ThrowIfCancellationRequested();
                if (info.Row != output.NextRow)
                    continue; // in a shard that exists, behind a missing one
                if (info.Error is not null)
                    failed++;
                if (isSkipped)
                    output.Skip(info);
                else
                    output.Write(info, info.Error is null ? source.Values : missing);
                _progress.Advance(info.Error is not null);
            }
        }

        output.Complete();
        return failed;
    }

    /// <summary>What a row of the output holds. The shape is the model's, since not every format keeps it.</summary>
    private static RowSchema Schema(IReadOnlyList<RunPart> parts, RunRecord record, EmbeddingFormat format, bool sha256)
    {
        using var list = InputList.Open(parts[0].Manifest);
        return record.Schema(format, sha256, list.Columns);
    }

    /// <summary>The manifests one after the other must be the list whose SHA-256 is in the record.</summary>
    private static void CheckManifests(IReadOnlyList<RunPart> parts, RunRecord record, CancellationToken cancellation)
    {
        if (RunManifest.Sha256(parts.Select(part => part.Manifest), cancellation) != record.Inputs)
            throw new DinoException(
                $"the manifest.jsonl of {(parts.Count == 1 ? parts[0].Name : "the parts")} is not the list of the run: a file was "
                    + $"changed or damaged since");
    }

    /// <summary>
    /// Writes the first manifest with its header, then the rows of the others: byte for byte the file of the whole
    /// list.
    /// </summary>
    private static void CopyManifests(IReadOnlyList<RunPart> parts, SpanAction write, CancellationToken cancellation)
    {
        byte[] buffer = new byte[1 << 16];
        foreach (RunPart part in parts)
        {
            (ReadAt read, Stream file) = InputList.OpenFile(part.Manifest);
            using (file)
            {
                bool inHeader = part != parts[0];
                long offset = 0;
                while (read(buffer, offset) is var count and > 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    offset += count;
                    ReadOnlySpan<byte> bytes = buffer.AsSpan(0, count);
                    if (inHeader && bytes.IndexOf((byte)'\n') is var end)
                    {
                        bytes = end < 0 ? [] : bytes[(end + 1)..];
                        inHeader = end < 0;
                    }

                    write(bytes);
                }
            }
        }
    }

    /// <summary>Refuses to write into what is read, and to make the folder of the parts a run itself.</summary>
    private void RefuseInputAsOutput(IReadOnlyList<RunPart> parts)
    {
        if (_target.IsStandardOutput)
            return;
        string target = Full(_target.IsFolder ? _target.Name : Path.GetDirectoryName(Path.GetFullPath(_target.Name))!);
        IEnumerable<string> inputs = parts.Select(part => part.Path);
        if (_target.IsFolder)
            inputs = inputs.Concat(_folders);
        if (inputs.FirstOrDefault(input => Full(input) == target) is { } same)
            throw new DinoException($"cannot write {_target.Name}: {same} is among the folders to merge", "choose another place");
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private delegate void SpanAction(ReadOnlySpan<byte> bytes);
}
