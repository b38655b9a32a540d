using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Embeds a list into a folder of shards, from the beginning or from where an earlier process ended. The shards are
/// byte for byte those of a run that was never interrupted, whatever ended it: a cancellation, <c>kill -9</c> or a full
/// disk.
/// </summary>
public sealed class EmbeddingRun
{
    private readonly Embedder _embedder;
    private readonly InputList _inputs;
    private readonly RunOptions _options;
    private readonly IEmbeddingProgress _progress;

    private EmbeddingRun(Embedder embedder, InputList inputs, RunOptions options, IEmbeddingProgress? progress)
    {
        _embedder = embedder;
        _inputs = inputs;
        _options = options;
        _progress = progress ?? new NoProgress();
    }

    /// <summary>Runs to the last row, or to an orderly end.</summary>
    /// <param name="embedder">The model.</param>
    /// <param name="inputs">The settled list.</param>
    /// <param name="folder">Made if it is not there. A finished run in it is left as it is.</param>
    /// <param name="options">How rows are written.</param>
    /// <param name="progress">Who is told; null for nobody.</param>
    /// <param name="cancellation">
    /// Ends the run in order: the batches in the model are finished, and the next call resumes it.
    /// </param>
    /// <returns>What the folder holds.</returns>
    /// <exception cref="DinoException">
    /// The folder is in use, holds another run, or cannot be written; or a device failed.
    /// </exception>
    public static async Task<RunResult> RunAsync(
        Embedder embedder, InputList inputs, string folder, RunOptions options, IEmbeddingProgress? progress =
            null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(embedder);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        FormatCatalog.Named(options.Format);
        RowSchema.Validate(inputs.Columns);
        using var place = RunFolder.Open(folder);
        return await RunAsync(embedder, inputs, place, options, progress, cancellation).ConfigureAwait(false);
    }

    /// <summary>As the public one, in a folder that is open already.</summary>
    internal static Task<RunResult> RunAsync(
        Embedder embedder, InputList inputs, RunFolder folder, RunOptions options, IEmbeddingProgress? progress,
        CancellationToken cancellation) =>
        new EmbeddingRun(embedder, inputs, options, progress).RunAsync(folder, cancellation);

    /// <summary>Embeds a list, or what a stream names, into one file or standard output.</summary>
    /// <param name="embedder">The model.</param>
    /// <param name="items">The inputs.</param>
    /// <param name="total">Number of inputs; null where it is not known yet.</param>
    /// <param name="output">Takes the rows; completed, not disposed.</param>
    /// <param name="policy">What failures do.</param>
    /// <param name="progress">Who is told.</param>
    /// <param name="cancellation">Leaves nothing behind.</param>
    internal static async Task ToOutputAsync(
        Embedder embedder,
        IEnumerable<InputItem> items,
        long? total,
        IRowOutput output,
        FailurePolicy policy,
        IEmbeddingProgress progress,
        CancellationToken cancellation)
    {
        progress.Begin(new EmbeddingStart(total));
        var sink = new RowSink(embedder.Layout, output, policy, progress);
        await embedder.RunAsync(items, sink, CancellationToken.None, cancellation).ConfigureAwait(false);
        output.Complete();
    }

    /// <summary>What a row holds.</summary>
    internal static RowSchema Schema(Embedder embedder, EmbeddingFormat format, FloatType type, InputList? inputs) =>
        new(embedder.Layout.Shape, type, embedder.Options.Sha256, inputs?.Columns ?? [])
        {
            Provenance = format.HoldsProvenance ? embedder.Provenance : null,
        };

    private async Task<RunResult> RunAsync(RunFolder folder, CancellationToken drain)
    {
        RunRecord record = Record();
        bool resumes = folder.Resumes(record, _options.Overwrite);
        // The record last: with it the folder is a run. It has the list's hash, so a list that was lost since is the
        // same again.
        if (!resumes || !File.Exists(folder.Manifest))
            _inputs.Save(folder.Manifest, record.FirstRow, record.LastRow);
        if (!resumes)
            record.Save(folder.Path);

        using var rows = new ShardedOutput(
            folder, record, Schema(_embedder, FormatCatalog.Named(_options.Format), _options.Type, _inputs), _inputs.Items);
        long total = record.LastRow - record.FirstRow;
        if (rows.Failures > _options.MaxErrors)
            throw new DinoException($"{folder.Path} has {rows.Failures} failed images so far, more than --max-errors {_options.MaxErrors}");
        _progress.Begin(new EmbeddingStart(total, total - rows.Remaining, rows.Failures, resumes));
        bool isWhole;
        try
        {
            var sink = new RowSink(
                _embedder.Layout, rows, new FailurePolicy(_options.OnError, _options.MaxErrors), _progress, rows.Failures);
            IEnumerable<InputItem> missing = rows.Missing.SelectMany(part => _inputs.Items(part.First, part.Last));
            isWhole = await _embedder.RunAsync(missing, sink, drain, CancellationToken.None).ConfigureAwait(false);
            rows.Flush();
            if (isWhole)
                rows.Complete();
        }
        catch (DinoException failure)
        {
            string resume = $"the rows before it are safe in {folder.Path}; run the same command again to resume";
            throw new DinoException(failure.Message, failure.Hint is null ? resume : $"{failure.Hint}; {resume}", failure);
        }

        return new RunResult(isWhole, total - rows.Remaining, total, rows.Failures, record.Shards);
    }

    private RunRecord Record()
    {
        (long first, long last) = _options.Part.Rows(_inputs.Count);
        return RunRecord.Of(_embedder, _options) with
        {
            Inputs = _inputs.Sha256,
            InputRows = _inputs.Count,
            FirstRow = first,
            LastRow = last,
            ShardIndex = _options.Part.Index,
            ShardCount = _options.Part.Count,
        };
    }
}
