using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino dedup</c>: groups of pictures that are alike, and which of each to keep.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
/// <param name="output">Standard output as text.</param>
internal sealed class DedupJob(DedupSettings settings, CliConsole console, TextWriter output)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Something cannot be read or written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("--html", settings.Html)], [.. settings.Inputs, settings.Source.Weights]);
        using PicturePage? page = settings.Html is null ? null : new PicturePage(settings.Html, settings.Source.Model, settings.Source.Embedder.MaxPixels);
        EmbeddingTable table;
        long failed;
        using (var source = new EmbeddingSource(settings.Source, console))
        {
            table = await source.LoadAsync(settings.Inputs, cancellation).ConfigureAwait(false);
            failed = source.Failed;
        }

        if (settings.Output == DedupOutput.List && table.Rows.Any(row => row.Path.Length == 0))
            throw new DinoException($"{settings.Inputs[0]} has no paths to list: leave out --list, or give embeddings in .npz, .jsonl, .csv or .parquet");
        await Task.Run(() => Show(table, page, cancellation), cancellation).ConfigureAwait(false);
        return failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private void Show(EmbeddingTable table, PicturePage? page, CancellationToken cancellation)
    {
        using NearestNeighbors search = SearchDevice.Open(table, settings.Source.Model);
        // A picture that is named twice is no duplicate of itself: who deletes one of the names deletes the picture.
        bool[] repeats = PictureIdentity.Repeats(table.Rows);
        int repeated = repeats.Count(repeat => repeat);
        int[][] groups = [.. search.Groups(settings.Threshold, cancellation).Select(rows => rows.Where(row => !repeats[row]).ToArray()).Where(rows => rows.Length > 1)];
        int duplicates = groups.Sum(group => group.Length - 1);
        string summary = string.Create(
            CultureInfo.InvariantCulture, $"{table.Count - repeated} images, {groups.Length} {(groups.Length == 1 ? "group" : "groups")} of near-duplicates at {settings.Threshold}, {duplicates} could go");
        var report = new DedupReport(console, output, settings.Output);
        report.Begin();
        page?.Begin("dino dedup", summary);
        for (int i = 0; i < groups.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            DuplicateGroup group = Choose(i + 1, groups[i], table);
            report.Write(group);
            page?.Add(new PageCard("keep", null, group.Keep), [.. group.Duplicates.Select(one => new PageCard("", one.Score, one.Image))], cancellation);
        }

        report.End();
        page?.Complete();
        if (report.Unlisted > 0)
            console.Error.WriteLine($"dino: not listed: {report.Unlisted}, in archives or with line breaks in their paths; --json has them");
        if (!settings.Source.Quiet && repeated > 0)
            console.Error.WriteLine($"dino: note: {(repeated == 1 ? "1 row is of an image that was" : $"{repeated} rows are of images that were")} there before, by this name or another, and left out");
        if (!settings.Source.Quiet)
            console.Error.WriteLine($"dino: {summary}{(page is null ? "" : $" -> {settings.Html}")}");
    }

    private static DuplicateGroup Choose(int number, int[] rows, EmbeddingTable table)
    {
        int keep = rows.MaxBy(row => (long)(table.Rows[row].Width ?? 0) * (table.Rows[row].Height ?? 0)); // of equal ones the first
        ReadOnlyMemory<float> kept = Vector(keep);
        return new DuplicateGroup(
            number,
            table.Rows[keep],
            [.. rows.Where(row => row != keep).Select(row => (Image: table.Rows[row], Score: NearestNeighbors.Cosine(kept.Span, Vector(row).Span))).OrderByDescending(one => one.Score)]);

        ReadOnlyMemory<float> Vector(int row) => table.Values.Slice(row * table.Dimension, table.Dimension);
    }
}
