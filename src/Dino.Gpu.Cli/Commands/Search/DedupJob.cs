using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary>How <c>dino dedup</c> shows its groups.</summary>
internal enum DedupOutput
{
    Table,
    Json,

    /// <summary>Only the paths of what could go.</summary>
    List,
}

/// <summary>What <c>dino dedup</c> was asked for.</summary>
/// <param name="Inputs">Images, or embeddings.</param>
/// <param name="Threshold">Smallest cosine of duplicates.</param>
/// <param name="Output">What goes to standard output.</param>
/// <param name="Html">A page of thumbnails; null for none.</param>
/// <param name="Source">How images become vectors.</param>
internal sealed record DedupSettings(
    IReadOnlyList<string> Inputs, double Threshold, DedupOutput Output, string? Html, EmbeddingSourceSettings Source);

/// <summary>One <c>dino dedup</c>: groups of pictures that are alike, and which of each to keep.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class DedupJob(DedupSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Something cannot be read or written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("--html", settings.Html)], [.. settings.Inputs, settings.Source.Weights]);
        using PicturePage? page = PicturePage.Open(settings.Html, settings.Source.Model, settings.Source.Embedder.MaxPixels);
        EmbeddingTable table;
        long failed;
        using (var source = new EmbeddingSource(settings.Source, console))
        {
            table = await source.LoadAsync(settings.Inputs, cancellation).ConfigureAwait(false);
            failed = source.Failed;
        }

        if (settings.Output == DedupOutput.List && table.Rows.Any(row => row.Path.Length == 0))
        {
            throw new DinoException(
                $"{settings.Inputs[0]} has no paths to list", "omit --list, or give embeddings in .npz, .jsonl, .csv or .parquet");
        }

        await Task.Run(() => Show(table, page, cancellation), cancellation).ConfigureAwait(false);
        return failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private void Show(EmbeddingTable table, PicturePage? page, CancellationToken cancellation)
    {
        using NearestNeighbors search = SearchOptions.Open(table, settings.Source.Model);
        // A picture that is named twice is no duplicate of itself: deleting one of the names would delete the picture.
        bool[] repeats = PictureIdentity.Repeats(table.Rows);
        int repeated = repeats.Count(repeat => repeat);
        int[][] groups =
        [
            .. search.Groups(settings.Threshold, cancellation)
                .Select(rows => rows.Where(row => !repeats[row]).ToArray())
                .Where(rows => rows.Length > 1),
        ];
        int duplicates = groups.Sum(group => group.Length - 1);
        string found = groups.Length == 1 ? "1 group" : $"{groups.Length} groups";
        string summary = string.Create(
            CultureInfo.InvariantCulture,
            $"{table.Count - repeated} images, {found} of near-duplicates at {settings.Threshold}, {duplicates} could go");
        var report = new DedupReport(console, settings.Output);
        report.Begin();
        page?.Begin("dino dedup", summary);
        for (int i = 0; i < groups.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var group = DuplicateGroup.Of(i + 1, groups[i], table);
            report.Write(group);
            page?.Add(
                new PageCard("keep", null, group.Keep),
                [.. group.Duplicates.Select(one => new PageCard("", one.Score, one.Image))],
                cancellation);
        }

        report.End();
        page?.Complete();
        if (report.Unlisted > 0)
            console.Warn($"{report.Unlisted} not listed, in archives or with line breaks in their paths (--json has them)");
        if (repeated > 0)
            console.Note($"{(repeated == 1 ? "1 row repeats" : $"{repeated} rows repeat")} an image that is named before, and is left out");
        console.Say(page is null ? summary : $"{summary} -> {settings.Html}");
    }
}
