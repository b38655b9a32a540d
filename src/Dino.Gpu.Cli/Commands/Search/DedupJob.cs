using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino dedup</c> writes to standard output.</summary>
internal enum DedupOutput
{
    Table,
    Json,

    /// <summary>Only the paths of the pictures that could go.</summary>
    List,
}

/// <summary>What <c>dino dedup</c> was asked for.</summary>
/// <param name="Inputs">Images, or embeddings.</param>
/// <param name="Threshold">Smallest cosine of duplicates.</param>
/// <param name="References">Folders whose pictures are always kept.</param>
/// <param name="Output">What to write to standard output.</param>
/// <param name="Html">File for a page of thumbnails; null for none.</param>
/// <param name="Source">How images become vectors.</param>
internal sealed record DedupSettings(
    IReadOnlyList<string> Inputs,
    double Threshold,
    IReadOnlyList<string> References,
    DedupOutput Output,
    string? Html,
    EmbeddingSourceSettings Source);

/// <summary>One <c>dino dedup</c>: finds groups of pictures that are alike, and says which to keep.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class DedupJob(DedupSettings settings, CliConsole console)
{
    /// <summary>The fixed part of a message.</summary>
    internal const string NoPaths = "has no paths to list";

    /// <inheritdoc cref="NoPaths"/>
    internal const string NotListed = "not listed: ";

    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// A file cannot be read or written, or a picture to list is not the one that was embedded.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("--html", settings.Html)], [.. settings.Inputs, settings.Source.Weights]);
        var references = new ReferenceFolders(settings.References);
        using PicturePage? page = PicturePage.Open(settings.Html, settings.Source.Model, settings.Source.Embedder.MaxPixels);
        EmbeddingTable table;
        long failed;
        using (var source = new EmbeddingSource(settings.Source, console))
        {
            table = await source.LoadAsync(DifferentFiles(), cancellation).ConfigureAwait(false);
            failed = source.Failed;
        }

        if (settings.Output == DedupOutput.List && table.Rows.FirstOrDefault(row => row.Path.Length == 0) is { } unnamed)
        {
            throw new DinoException(
                $"{unnamed.File ?? settings.Inputs[0]} {NoPaths}", "omit --list, or give embeddings in .npz, .jsonl, .csv or .parquet");
        }

        await Task.Run(() => Show(table, references, page, cancellation), cancellation).ConfigureAwait(false);
        return failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    /// <summary>
    /// The inputs, and each file of embeddings once: rows without paths would be duplicates of themselves.
    /// </summary>
    private IReadOnlyList<string> DifferentFiles()
    {
        if (!EmbeddingSource.AreEmbeddings(settings.Inputs))
            return settings.Inputs;
        var real = new RealPath();
        string[] different = [.. settings.Inputs.DistinctBy(real.Of, RealPath.Comparer)];
        int repeated = settings.Inputs.Count - different.Length;
        if (repeated > 0)
            console.Note($"{Quantity.Of(repeated, "input")} left out: named before");
        return different;
    }

    private void Show(EmbeddingTable table, ReferenceFolders references, PicturePage? page, CancellationToken cancellation)
    {
        // A picture that is named twice is no duplicate of itself: deleting it by one name would delete it.
        bool[] repeats = PictureIdentity.Repeats(table);
        int repeated = repeats.Count(repeat => repeat);
        var search = new DuplicateSearch(table, SearchOptions.Of(settings.Source.Model));
        List<DuplicateGroup> groups = search.Find(settings.Threshold, repeats, references, cancellation);
        int duplicates = groups.Sum(group => group.Duplicates.Count);
        DeletionList? list = settings.Output == DedupOutput.List ? DeletionList.Check(groups, cancellation) : null;
        string summary = string.Create(
            CultureInfo.InvariantCulture,
            $"{Quantity.Of(table.Count - repeated, "image")}, {Quantity.Of(groups.Count, "group")} of near-duplicates "
                + $"at {settings.Threshold}, {duplicates} could go");
        var report = new DedupReport(console, settings.Output);
        report.Begin();
        page?.Begin("dino dedup", summary);
        foreach (DuplicateGroup group in groups)
        {
            cancellation.ThrowIfCancellationRequested();
            report.Write(group);
            page?.Add(
                new PageCard("keep", null, group.Keep),
                [.. Cards("reference", group.References), .. Cards("", group.Duplicates)],
                cancellation);
        }

        report.WritePaths(list?.Paths ?? []);
        report.End();
        page?.Complete();
        if (list is not null)
            WarnOfUnlisted(list);
        if (repeated > 0)
            console.Note($"{(repeated == 1 ? "1 row repeats" : $"{repeated} rows repeat")} an image that is named before, and is left out");
        console.Say(page is null ? summary : $"{summary} -> {settings.Html}");
    }

    private static IEnumerable<PageCard> Cards(string badge, IEnumerable<ScoredPicture> pictures) =>
        pictures.Select(one => new PageCard(badge, one.Score, one.Image));

    private void WarnOfUnlisted(DeletionList list)
    {
        if (list.Unlistable > 0)
            console.Warn($"{NotListed}{list.Unlistable}, in archives or with line breaks in their paths (--json has them)");
        if (list.SameFile > 0)
            console.Warn($"{NotListed}{list.SameFile}, other names of files that are kept");
        if (list.Unproven > 0)
        {
            console.Warn(
                $"{NotListed}{list.Unproven}, other bytes than the picture to keep, and no SHA-256 that says what was embedded",
                "use an index of 'dino index', embed with --sha256, or give dedup the pictures");
        }
    }
}
