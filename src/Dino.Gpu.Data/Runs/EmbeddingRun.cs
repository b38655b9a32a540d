using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Embeds a list into a folder of shards, from the beginning or from where an earlier process ended. Whatever ended it
/// (a cancellation, <c>kill -9</c>, a full disk), the shards are byte for byte those of a run that was never
/// interrupted. Where they would not be, as on a processor with other vectors or after pictures were replaced, the run
/// is refused unless <see cref="RunOptions.AllowMixed"/> is set.
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

    /// <summary>Runs to the last row, or until it is cancelled.</summary>
    /// <param name="embedder">The model.</param>
    /// <param name="inputs">The settled list.</param>
    /// <param name="folder">Made if it does not exist. A finished run in it stays as it is.</param>
    /// <param name="options">How rows are written.</param>
    /// <param name="progress">Who is told; null for nobody.</param>
    /// <param name="cancellation">
    /// Ends the run in order: it finishes the batches in the model, and the next call resumes.
    /// </param>
    /// <returns>What the folder holds.</returns>
    /// <exception cref="DinoException">
    /// An option is outside of what a run can do; the folder is in use, holds another run, or cannot be written; or a
    /// device failed.
    /// </exception>
    public static async Task<RunResult> RunAsync(
        Embedder embedder, InputList inputs, string folder, RunOptions options, IEmbeddingProgress? progress =
            null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(embedder);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        RowSchema.Validate(inputs.Columns);
        using var place = RunFolder.Open(folder);
        return await RunAsync(embedder, inputs, place, options, progress, cancellation).ConfigureAwait(false);
    }

    /// <summary>The same in a folder that is open already.</summary>
    internal static Task<RunResult> RunAsync(
        Embedder embedder, InputList inputs, RunFolder folder, RunOptions options, IEmbeddingProgress? progress,
        CancellationToken cancellation) =>
        new EmbeddingRun(embedder, inputs, options, progress).RunAsync(folder, cancellation);

    /// <summary>Embeds a list, or what a stream names, into one file or standard output.</summary>
    /// <param name="embedder">The model.</param>
    /// <param name="items">The inputs.</param>
    /// <param name="folders">Folders that they were found in.</param>
    /// <param name="total">Number of inputs; null where it is not known yet.</param>
    /// <param name="output">Takes the rows. This completes it and does not dispose it.</param>
    /// <param name="policy">What failures do.</param>
    /// <param name="progress">Who is told.</param>
    /// <param name="cancellation">Leaves nothing behind.</param>
    internal static async Task ToOutputAsync(
        Embedder embedder,
        IEnumerable<InputItem> items,
        IReadOnlyList<string> folders,
        long? total,
        IRowOutput output,
        FailurePolicy policy,
        IEmbeddingProgress progress,
        CancellationToken cancellation)
    {
        progress.Begin(new EmbeddingStart(total));
        var sink = new RowSink(embedder.Layout, output, policy, progress);
        await embedder.RunAsync(items, sink, folders, CancellationToken.None, cancellation).ConfigureAwait(false);
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
        RunRecord now = Record();
        RunRecord? earlier = folder.Resume(now, _options.Overwrite, _options.AllowMixed);
        RunRecord record = earlier ?? now;
        var manifest = new RunManifest(folder, record, _inputs.Columns, _inputs.Items);
        if (earlier is null)
        {
            // The record comes last: with it the folder counts as a run.
            manifest.Write();
            record.Save(folder.Path);
        }

        using var rows = new ShardedOutput(
            folder, record, Schema(_embedder, FormatCatalog.Named(_options.Format), _options.Type, _inputs), _inputs.Items);
        long total = record.LastRow - record.FirstRow;
        if (rows.Failures > _options.MaxErrors)
        {
            throw new DinoException(
                $"{folder.Path} has {Quantity.Of(rows.Failures, "failed image")} so far, more than --max-errors {_options.MaxErrors}");
        }

        if (earlier is not null)
            CheckResumed(now, record, manifest, rows);
        _progress.Begin(new EmbeddingStart(total, total - rows.Remaining, rows.Failures, earlier is not null));
        bool isWhole;
        try
        {
            var policy = new FailurePolicy(_options.OnError, _options.MaxErrors, _options.OnIoError);
            var sink = new RowSink(_embedder.Layout, rows, policy, _progress, rows.Failures);
            IEnumerable<InputItem> missing = rows.Missing.SelectMany(part => _inputs.Items(part.First, part.Last));
            isWhole = await _embedder.RunAsync(missing, sink, _inputs.Folders, drain, CancellationToken.None).ConfigureAwait(false);
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

    /// <summary>Says what keeps the rows to come from fitting those that are there.</summary>
    /// <exception cref="DinoException">Pictures were replaced whose rows are done.</exception>
    private void CheckResumed(RunRecord now, RunRecord record, RunManifest manifest, ShardedOutput rows)
    {
        if (rows.Remaining > 0 && record.IsOfUnknownVectors)
            Note(
                $"run.json does not say which vectors made the rows so far: those to come ({now.Vectors}) may differ in their last "
                    + $"digits");
        else if (rows.Remaining > 0 && !now.HasArithmeticOf(record))
            Note($"the rows so far and those to come differ in their last digits ({record.Device}; {record.Vectors})");
        manifest.Update(rows.Missing);
        if (manifest.ChangedDone > 0)
        {
            string changed = $"{Inputs(manifest.ChangedDone)} replaced after the rows were made, such as {manifest.Example}";
            if (!_options.AllowMixed && rows.Remaining > 0)
                throw new DinoException(
                    changed, "--allow-mixed resumes and keeps the rows of the earlier pictures; --overwrite starts again");
            Note($"{changed}: the rows are of the earlier pictures");
        }
        else if (manifest.ChangedToDo > 0)
        {
            Note($"{Inputs(manifest.ChangedToDo)} replaced since the run began, such as {manifest.Example}");
        }
    }

    private static string Inputs(long count) => count == 1 ? "1 input was" : $"{count} inputs were";

    private void Note(string note) => _options.Note?.Invoke(note);

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
