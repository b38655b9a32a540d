using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;
using Dino.Gpu.Stores;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino search postgres://... QUERY</c>: the server searches.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class StoreSearchJob(SearchSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// An input cannot be read or compared, a file cannot be written, or the server refuses or is gone.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        IVectorStore store = await VectorStores.OpenAsync(StoreAddress.Parse(settings.Index), cancellation).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            StoreContents contents = store.Contents
                ?? throw new DinoException($"{store.Name}: there is no such table or collection", "dino index INPUT --to ADDRESS makes it");
            EmbeddingSourceSettings how = settings.Vectors.Like(contents.Model);
            OutputNames.RefuseSameFile([("--html", settings.Html)], [.. settings.Queries, how.Weights]);
            using PicturePage? page = PicturePage.Open(settings.Html, how.Model, how.Embedder.MaxPixels);
            using var source = new EmbeddingSource(how, console);
            EmbeddingTable queries = await source.LoadAsync(settings.Queries, cancellation).ConfigureAwait(false);
            string queryName = EmbeddingSource.NameOf(settings.Queries);
            source.RequireComparable(store.Name, contents.Dimension, contents.Model, queryName, queries);
            await SearchAsync(store, contents, queries, page, cancellation).ConfigureAwait(false);
            return source.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
        }
    }

    private async Task SearchAsync(
        IVectorStore store, StoreContents contents, EmbeddingTable queries, PicturePage? page, CancellationToken cancellation)
    {
        long count = await store.CountAsync(cancellation).ConfigureAwait(false);
        string asked = Quantity.Of(queries.Count, "query", "queries");
        var report = new SearchReport(console, settings.Json, page);
        report.Begin($"{asked} in {Quantity.Of(count, "image")} of {store.Name}");
        long start = Stopwatch.GetTimestamp();
        IAsyncEnumerable<SearchResult> results =
            StoreSearch.ResultsAsync(store, queries, settings.K, settings.Threshold, settings.ExcludeSelf, cancellation);
        await foreach (SearchResult result in results.ConfigureAwait(false))
            report.Write(result, cancellation);
        report.End();
        string target = page is null ? "" : $" -> {settings.Html}";
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        console.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{asked} in {Quantity.Of(count, "vector")} of {contents.Dimension}, {seconds:F2} s in {store.Name}{target}"));
        if (contents.IsApproximate)
            console.Note("the database searches with an HNSW graph, which may miss some of the nearest");
    }
}
