using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino search</c> was asked for.</summary>
internal sealed record SearchSettings
{
    /// <summary>Embeddings, or images.</summary>
    public required string Index { get; init; }

    /// <summary>Images, or embeddings.</summary>
    public required IReadOnlyList<string> Queries { get; init; }

    /// <summary>Neighbors of each query.</summary>
    public required int K { get; init; }

    /// <summary>The smallest cosine of a result; null for any.</summary>
    public required double? Threshold { get; init; }

    /// <summary>Whether to leave out a query's own row.</summary>
    public required bool ExcludeSelf { get; init; }

    /// <summary>JSON Lines instead of a table.</summary>
    public required bool Json { get; init; }

    /// <summary>File for a page of thumbnails; null for none.</summary>
    public required string? Html { get; init; }

    /// <summary>How images become vectors, as far as the index does not say how its own were made.</summary>
    public required VectorSettings Vectors { get; init; }
}

/// <summary>One <c>dino search</c>: loads or makes the vectors, searches, shows.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class SearchJob(SearchSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">An input cannot be read or compared, or a file cannot be written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        if (UrlInput.IsStore(settings.Index))
            return await new StoreSearchJob(settings, console).RunAsync(cancellation).ConfigureAwait(false);
        SearchIndex? opened = await Task.Run(() => SearchIndex.Open(settings.Index, cancellation), cancellation).ConfigureAwait(false);
        EmbeddingSourceSettings how = settings.Vectors.Like(opened?.Model);
        OutputNames.RefuseSameFile([("--html", settings.Html)], [settings.Index, .. settings.Queries, how.Weights]);
        using PicturePage? page = PicturePage.Open(settings.Html, how.Model, how.Embedder.MaxPixels);
        long failed;
        EmbeddingTable queries;
        SearchIndex index;
        using (var source = new EmbeddingSource(how, console))
        {
            index = opened ?? SearchIndex.Of(settings.Index, await source.EmbedAsync([settings.Index], cancellation).ConfigureAwait(false));
            queries = await source.LoadAsync(settings.Queries, cancellation).ConfigureAwait(false);
            failed = source.Failed;
            string queryName = EmbeddingSource.NameOf(settings.Queries);
            source.RequireComparable(settings.Index, index.Dimension, index.Model, queryName, queries);
        }

        using (index)
            await Task.Run(() => Search(index, queries, how, page, cancellation), cancellation).ConfigureAwait(false);
        return failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private void Search(
        SearchIndex index, EmbeddingTable queries, EmbeddingSourceSettings how, PicturePage? page, CancellationToken cancellation)
    {
        index.Prepare(SearchOptions.Of(how.Model), queries.Count, cancellation);
        var report = new SearchReport(console, settings.Json, page);
        string asked = Quantity.Of(queries.Count, "query", "queries");
        report.Begin($"{asked} in {Quantity.Of(index.Count, "image")} of {MessageText.OneLine(settings.Index)}");
        foreach (SearchResult result in index.Results(queries, settings.K, settings.Threshold, settings.ExcludeSelf, cancellation))
            report.Write(result, cancellation);
        report.End();
        string target = page is null ? "" : $" -> {settings.Html}";
        console.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{asked} in {Quantity.Of(index.Count, "vector")} of {index.Dimension}, "
                + $"{index.Spent.TotalSeconds:F2} s on {index.Device}{target}"));
        if (index.Failures > 0)
            console.Note($"left out of {settings.Index}: {Quantity.Of(index.Failures, "image")} without an embedding");
    }
}
