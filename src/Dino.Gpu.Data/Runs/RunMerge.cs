using System.Security.Cryptography;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Joins the parts of a run into what one process would have written, shard for shard and byte for byte, or into one
/// file. Every row is read once, and memory holds no more than the format's writer keeps.
/// </summary>
public sealed class RunMerge
{
    private readonly IReadOnlyList<string> _folders;
    private readonly OutputTarget _target;
    private readonly bool _overwrite;
    private readonly Stream _standardOutput;
    private readonly IEmbeddingProgress _progress;
    private readonly Action<string> _note;

    private RunMerge(
        IReadOnlyList<string> folders, OutputTarget target, bool overwrite, Stream standardOutput,
        IEmbeddingProgress? progress, Action<string>? note)
    {
        _folders = folders;
        _target = target;
        _overwrite = overwrite;
        _standardOutput = standardOutput;
        _progress = progress ?? new NoProgress();
        _note = note ?? (_ => { });
    }

    /// <summary>Joins the parts of a run.</summary>
    /// <param name="folders">Parts, or folders that hold them.</param>
    /// <param name="output">A file whose extension names its format, or a folder of shards.</param>
    /// <param name="overwrite">Whether another run's shards in the folder are deleted.</param>
    /// <param name="progress">Who is told; null for nobody.</param>
    /// <param name="cancellation">Leaves nothing behind.</param>
    /// <exception cref="DinoException">
    /// A part is missing, unfinished, damaged or of another run, or the output cannot be written.
    /// </exception>
    public static MergeResult Merge(
        IReadOnlyList<string> folders, string output, bool overwrite =
            false, IEmbeddingProgress? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(output);
        OutputTarget target = OutputTarget.Parse(output, format: null, hasFormat: false);
        return Merge(folders, target, overwrite, Stream.Null, progress, note: null, cancellation);
    }

    // As the public one, to standard output too; note is told what the user should know.
    internal static MergeResult Merge(
        IReadOnlyList<string> folders,
        OutputTarget target,
        bool overwrite,
        Stream standardOutput,
        IEmbeddingProgress? progress,
        Action<string>? note,
        CancellationToken cancellation) =>
        new RunMerge(folders, target, overwrite, standardOutput, progress, note).Run(cancellation);

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
    private RunRecord Whole(IReadOnlyList<RunPart> parts)
    {
        string[] devices = [.. parts.Where(part => part.Rows > 0).DefaultIfEmpty(parts[0]).Select(part => part.Record.Device).Distinct()];
        if (devices.Length > 1)
            _note(
                $"the parts ran on different devices ({string.Join("; ", devices)}): their rows agree within rounding, not byte for byte");
        return parts[0].Record with
        {
            Device = devices.Length == 1
                ? devices[0]
                : string.Join(", ", devices.SelectMany(names => names.Split(", ")).Distinct().Order(StringComparer.Ordinal)),
            FirstRow = 0,
            LastRow = parts[0].Record.InputRows,
            ShardIndex = 0,
            ShardCount = 1,
        };
    }

    private MergeResult ToFolder(IReadOnlyList<RunPart> parts, RunRecord record, CancellationToken cancellation)
    {
        using var folder = RunFolder.Open(_target.Name);
        // The lock tells that a part is this very folder, whatever links and letter case its name has.
        if (parts.FirstOrDefault(part => RunFolder.IsInUse(part.Path)) is { } used)
            throw new DinoException($"cannot write {_target.Name}: {used.Name} is the same folder, or another dino works in it");
        return ToFolder(parts, record, folder, cancellation);
    }

    private MergeResult ToFolder(IReadOnlyList<RunPart> parts, RunRecord record, RunFolder folder, CancellationToken cancellation)
    {
        bool resumes = folder.Resumes(record, _overwrite); // what a killed merge left, or the finished run
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

    /// <summary>All rows that the output does not have yet, into it.</summary>
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
                    continue; // in a shard that is there, behind one that is not
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
        FloatType type = record.DType == "f16" ? FloatType.Float16 : FloatType.Float32;
        using var list = InputList.Open(parts[0].Manifest);
        RowSchema.Validate(list.Columns);
        return new RowSchema(
            record.RowShape(), type, sha256, list.Columns)
        { Provenance = format.HoldsProvenance ? record.Provenance : null };
    }

    /// <summary>The manifests one after the other have to be the list whose SHA-256 is in the record.</summary>
    private static void CheckManifests(IReadOnlyList<RunPart> parts, RunRecord record, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        CopyManifests(parts, hash.AppendData, cancellation);
        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != record.Inputs)
            throw new DinoException(
                $"the manifest.jsonl of {(parts.Count == 1 ? parts[0].Name : "the parts")} is not the list of the run: a file was "
                    + $"changed or damaged since");
    }

    /// <summary>
    /// The first manifest with its header, then the rows of the others: the file of the whole list, byte for byte.
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

    /// <summary>A merge must not write into what it reads, nor make the folder of the parts a run itself.</summary>
    private void RefuseInputAsOutput(IReadOnlyList<RunPart> parts)
    {
        if (_target.IsStandardOutput)
            return;
        string target = Full(_target.IsFolder ? _target.Name : Path.GetDirectoryName(Path.GetFullPath(_target.Name))!);
        IEnumerable<string> inputs = parts.Select(part => part.Path);
        if (_target.IsFolder)
            inputs = inputs.Concat(_folders);
        if (inputs.FirstOrDefault(input => Full(input) == target) is { } same)
            throw new DinoException($"cannot write {_target.Name}: {same} is among the folders to merge; choose another place");
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private delegate void SpanAction(ReadOnlySpan<byte> bytes);
}
