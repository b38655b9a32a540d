using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Files;
using Dino.Gpu.Stores;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino index --to postgres://...</c>: brings a database up to date.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class StoreIndexJob(IndexSettings settings, CliConsole console)
{
    /// <returns>0; 3 when an image failed; 130 when it was canceled.</returns>
    /// <exception cref="DinoException">
    /// An input cannot be read, the database takes no such vectors, or its server refuses or is gone.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        var address = StoreAddress.Parse(settings.Target);
        if (settings.ErrorsFile is { } errors)
        {
            OutputNames.RefuseSameFile([("--errors", errors)], [.. settings.Inputs, settings.Source.Weights]);
            ErrorLog.EnsureWritable(errors);
        }

        // The model takes seconds to load: what is wrong with the server is said before.
        IVectorStore store = await VectorStores.OpenAsync(address, cancellation).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            using var source = new EmbeddingSource(settings.Source, console);
            return EmbeddingSource.AreEmbeddings(settings.Inputs)
                ? await GatherAsync(store, source, cancellation).ConfigureAwait(false)
                : await EmbedAsync(store, source, cancellation).ConfigureAwait(false);
        }
    }

    private StoreRunOptions Options => new() { Hnsw = settings.Hnsw, Prune = settings.Prune, ErrorsFile = settings.ErrorsFile };

    private async Task<int> EmbedAsync(IVectorStore store, EmbeddingSource source, CancellationToken cancellation)
    {
        using InputList list =
            await InputOptions.SettleAsync(settings.Inputs, console, pathColumn: null, cancellation).ConfigureAwait(false);
        console.TellNotes(list.Notes);
        string[] others = [.. list.Columns.Where(column => column != TarImages.ArchiveColumn).Select(column => column.Name)];
        if (others.Length > 0)
            console.Note($"columns that are not stored: {string.Join(", ", others)}");
        Embedder embedder = await source.OpenAsync(cancellation).ConfigureAwait(false);
        using var progress = new ConsoleProgress(ProgressKind.Auto, console, rowsOnTerminal: false)
        {
            AllFailures = settings.ErrorsFile ?? "--errors FILE",
        };
        StoreRunResult result = await StoreRun.RunAsync(embedder, list, store, Options, progress, cancellation).ConfigureAwait(false);
        progress.Dispose();
        if (!result.IsWhole)
        {
            long done = result.Added + result.Replaced + result.Unchanged;
            string images = Quantity.Of(list.Count, "image");
            console.Tell($"dino: stopped: {done} of {images} are in {store.Name}; run the same command again to resume");
            return ExitCode.Canceled;
        }

        ProgressCounter counter = progress.Counter;
        console.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{Counts(result)} in {counter.Elapsed.TotalSeconds:F1} s ({counter.ImagesPerSecond:F1} images/s) -> {store.Name}"));
        WriteJson(store, result);
        return result.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private async Task<int> GatherAsync(IVectorStore store, EmbeddingSource source, CancellationToken cancellation)
    {
        StoreRunResult result = await Task.Run(
            () => StoreRun.GatherAsync(settings.Inputs, store, Options, source.Comparable, cancellation), cancellation)
            .ConfigureAwait(false);
        console.Say($"{Counts(result)} -> {store.Name}");
        IndexJob.TellModel(store.Contents!.Model, console);
        WriteJson(store, result);
        return ExitCode.Success;
    }

    private void WriteJson(IVectorStore store, StoreRunResult result)
    {
        if (!settings.Json)
            return;
        int there = (int)(result.Added + result.Replaced + result.Unchanged);
        StoreContents contents = store.Contents!;
        var written = new WrittenIndex(
            JsonLinesWriter.Unicode(store.Name), there, contents.Dimension, (int)result.Failed, contents.Model);
        console.WriteJson(written, CommandJson.Readable.WrittenIndex);
    }

    private static string Counts(StoreRunResult result)
    {
        string failed = result.Failed == 0 ? "" : $", {result.Failed} failed";
        string deleted = result.Deleted == 0 ? "" : $", {result.Deleted} deleted";
        return $"{result.Added} added, {result.Replaced} replaced, {result.Unchanged} unchanged{failed}{deleted}";
    }
}
