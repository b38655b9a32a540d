using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Devices;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Tries the failed images of a finished run again. Afterwards the folder is that of a run in which the images that can
/// be read now could be read from the beginning. A full journal replaces each shard with such an image, so the run can
/// be completed wherever the process ends. Whoever opens it disposes it.
/// </summary>
internal sealed class RunRetry : IDisposable
{
    private readonly RunFolder _folder;
    private readonly InputList _list;
    private readonly RowSchema _schema;
    private RunRecord _record;

    private RunRetry(RunFolder folder, RunRecord record, InputList list)
    {
        _folder = folder;
        _record = record;
        _list = list;
        _schema = record.Schema(FormatCatalog.Named(record.Format), record.Sha256, list.Columns);
    }

    /// <summary>Images that failed.</summary>
    public long Failed { get; private set; }

    /// <summary>The run's folder.</summary>
    public string Path => _folder.Path;

    /// <summary>Opens the folder of a run and completes what an earlier retry left.</summary>
    /// <exception cref="DinoException">There is no finished run, or it cannot be read.</exception>
    public static RunRetry Open(string path)
    {
        const string Expected = "expected the folder of a finished run, such as 'dino embed INPUT -o DIR' writes";
        if (File.Exists(path))
            throw new DinoException(
                $"cannot retry {path}: it is a file, {Expected}",
                "embed the images in the log that --errors wrote: dino embed LOG -o FILE");
        if (!Directory.Exists(path))
            throw new DinoException($"cannot retry {path}: there is no such folder", SimilarName.Hint(path));
        if (RunRecord.Load(path) is not { } record)
            throw new DinoException(
                $"cannot retry {path}: it {(RunPart.HasParts(path) ? "holds parts of a run" : $"has no {RunRecord.FileName}")}, {Expected}",
                RunPart.HasParts(path) ? "retry each of its parts, or merge them first" : null);
        RunFolder? folder = null;
        InputList? list = null;
        try
        {
            folder = RunFolder.Open(path);
            record = RunRecord.Load(path) ?? throw Unfinished(path); // as it is under the lock
            list = InputList.Open(folder.Manifest);
            if (list.Count != record.LastRow - record.FirstRow)
                throw new DinoException($"{folder.Manifest} has {list.Count} rows, expected {record.LastRow - record.FirstRow}");
            var retry = new RunRetry(folder, record, list);
            retry.WriteShards();
            return retry;
        }
        catch
        {
            list?.Dispose();
            folder?.Dispose();
            throw;
        }
    }

    /// <summary>How the run's images became rows, on the devices and threads of <paramref name="given"/>.</summary>
    /// <exception cref="DinoException">The record was edited.</exception>
    public EmbedderOptions Options(EmbedderOptions given)
    {
        Provenance made = _record.Provenance;
        Precision[] precisions = [.. PrecisionSupport.All.Where(precision => PrecisionSupport.NameOf(precision) == made.Precision)];
        if (precisions.Length == 0)
            throw new DinoException($"cannot read {RunRecord.FileName}: there is no precision '{made.Precision}'");
        string width = _record.Vectors?.Split('-')[0] ?? "";
        return given with
        {
            Model = made.Repeat(given.Model) with
            {
                Decoder = ImageDecoders.Create(
                    made.DecodeMode == "fast" ? made.Decoder[..^"-fast".Length] : made.Decoder,
                    _record.MaxPixels,
                    made.DecodeMode == "fast" ? DecodeMode.Fast : DecodeMode.Exact),
                Precision = precisions[0],
                VectorWidth = given.Model.VectorWidth
                    ?? (int.TryParse(width, NumberStyles.None, CultureInfo.InvariantCulture, out int bits) && bits <= CpuVectors.Widest
                        ? bits : null),
            },
            Output = made.Output,
            Normalize = made.Normalize,
            Sha256 = _record.Sha256,
            MaxPixels = _record.MaxPixels,
        };
    }

    /// <summary>Embeds the images that failed.</summary>
    /// <param name="embedder">Made with <see cref="Options"/>.</param>
    /// <param name="options">What failures of the system do, and whether rows of other vectors are allowed.</param>
    /// <param name="progress">Who is told.</param>
    /// <param name="drain">Ends it in order; images that were not tried stay failed.</param>
    /// <exception cref="DinoException">
    /// Another model, a failing device, or files that cannot be read or written.
    /// </exception>
    public async Task<RunResult> RunAsync(Embedder embedder, RunOptions options, IEmbeddingProgress progress, CancellationToken drain)
    {
        RequireSameModel(embedder, options);
        progress.Begin(new EmbeddingStart(Failed));
        var part = new RunPart(_folder.Path, _record);
        bool isWhole = false;
        using (var rows = new RetriedRows(_folder, part, _schema))
        {
            try
            {
                OnError onError = _record.OnError == "skip" ? OnError.Skip : OnError.Nan;
                var sink = new RowSink(embedder.Layout, rows, new FailurePolicy(onError, MaxErrors: null, options.OnIoError), progress);
                isWhole = await embedder.RunAsync(FailedItems(), sink, _list.Folders, drain, CancellationToken.None).ConfigureAwait(false);
            }
            finally
            {
                rows.Complete();
                new RunManifest(_folder, _record, _list.Columns, Items).Update(rows.Tried);
                WriteShards();
            }
        }

        return Result(isWhole);
    }

    /// <summary>What the folder holds.</summary>
    /// <param name="isWhole">Whether every failed image was tried.</param>
    public RunResult Result(bool isWhole)
    {
        long total = _record.LastRow - _record.FirstRow;
        return new RunResult(isWhole, total, total, Failed, _record.Shards);
    }

    /// <summary>Shape of a row.</summary>
    /// <exception cref="DinoException">The record was edited.</exception>
    public IReadOnlyList<int> RowShape => _record.RowShape();

    public void Dispose()
    {
        _list.Dispose();
        _folder.Dispose();
    }

    private static DinoException Unfinished(string path) =>
        new($"cannot retry {path}: it is not complete", "run the command that began it, which resumes it");

    private void RequireSameModel(Embedder embedder, RunOptions options)
    {
        RunRecord now = RunRecord.Of(
            embedder, options with { Format = _record.Format, Type = _schema.Type, ShardSize = _record.ShardSize }) with
        {
            OnError = _record.OnError,
            Inputs = _record.Inputs,
            InputRows = _record.InputRows,
            FirstRow = _record.FirstRow,
            LastRow = _record.LastRow,
            ShardIndex = _record.ShardIndex,
            ShardCount = _record.ShardCount,
        };
        if (now.DifferenceFrom(_record, allowMixed: true) is { } difference)
        {
            throw new DinoException(
                $"cannot retry {Path}: it was made differently ({difference})", "name the weights of the run with --weights");
        }

        _record = _folder.Resume(now, overwrite: false, options.AllowMixed)!;
    }

    /// <summary>Makes shards of full journals. Their failed rows come into the log, and others leave it.</summary>
    private void WriteShards()
    {
        using var rows = new ShardedOutput(_folder, _record, _schema, Items);
        if (rows.Remaining > 0)
            throw Unfinished(_folder.Path);
        rows.Complete();
        Failed = rows.Failures;
        _record = RunRecord.Load(_folder.Path)!; // with the number of failed rows
    }

    private IEnumerable<InputItem> Items(long first, long last) => _list.Items(first - _record.FirstRow, last - _record.FirstRow);

    private IEnumerable<InputItem> FailedItems()
    {
        using IEnumerator<RowInfo> failed = ErrorLog.Read(_folder.Errors).GetEnumerator();
        long row = _record.FirstRow;
        bool any = failed.MoveNext();
        foreach (InputItem item in _list.Items())
        {
            if (!any)
                yield break;
            if (failed.Current.Row == row++)
            {
                yield return item;
                any = failed.MoveNext();
            }
        }
    }
}
