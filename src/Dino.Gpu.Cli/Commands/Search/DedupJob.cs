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
    /// <summary>Fixed parts of messages.</summary>
    internal const string NoPaths = "has no paths to list";

    internal const string NotListed = "dino: not listed: ";

    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Something cannot be read or written, or a listed file is not what was embedded.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("--html", settings.Html)], [.. settings.Inputs, settings.Source.Weights]);
        var references = new ReferenceFolders(settings.References);
        using PicturePage? page = settings.Html is null
            ? null
            : new PicturePage(settings.Html, settings.Source.Model, settings.Source.Embedder.MaxPixels);
        EmbeddingTable table;
        long failed;
        using (var source = new EmbeddingSource(settings.Source, console))
        {
            table = await source.LoadAsync(settings.Inputs, cancellation).ConfigureAwait(false);
            failed = source.Failed;
        }

        if (settings.Output == DedupOutput.List && table.Rows.Any(row => row.Path.Length == 0))
            throw new DinoException($"{settings.Inputs[0]} {NoPaths}", "omit --list, or give embeddings in .npz, .jsonl, .csv or .parquet");
        await Task.Run(() => Show(table, references, page, cancellation), cancellation).ConfigureAwait(false);
        return failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private void Show(EmbeddingTable table, ReferenceFolders references, PicturePage? page, CancellationToken cancellation)
    {
        // A picture that is named twice is no duplicate of itself: who deletes one of the names deletes the picture.
        bool[] repeats = PictureIdentity.Repeats(table.Rows);
        int repeated = repeats.Count(repeat => repeat);
        List<DuplicateGroup> groups = Groups(table, repeats, references, cancellation);
        int duplicates = groups.Sum(group => group.Duplicates.Count);
        DeletionList? list = settings.Output == DedupOutput.List ? DeletionList.Check(groups, cancellation) : null;

        string groupCount = $"{groups.Count} {(groups.Count == 1 ? "group" : "groups")}";
        string summary = string.Create(
            CultureInfo.InvariantCulture,
            $"{table.Count - repeated} images, {groupCount} of near-duplicates at {settings.Threshold}, {duplicates} could go");
        var report = new DedupReport(console, output, settings.Output);
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
            SayNotListed(list);
        if (!settings.Source.Quiet && repeated > 0)
        {
            string rows = repeated == 1 ? "1 row is of an image that was" : $"{repeated} rows are of images that were";
            console.Error.WriteLine($"dino: note: {rows} there before, by this name or another, and left out");
        }

        if (!settings.Source.Quiet)
            console.Error.WriteLine($"dino: {summary}{(page is null ? "" : $" -> {settings.Html}")}");
    }

    private List<DuplicateGroup> Groups(EmbeddingTable table, bool[] repeats, ReferenceFolders references, CancellationToken cancellation)
    {
        using NearestNeighbors search = SearchDevice.Open(table, settings.Source.Model);
        bool[] kept = [.. table.Rows.Select(references.Contains)];
        var groups = new List<DuplicateGroup>();
        foreach (int[] all in search.Groups(settings.Threshold, cancellation))
        {
            int[] rows = [.. all.Where(row => !repeats[row])];
            if (rows.Length > 1 && rows.Any(row => !kept[row]))
                groups.Add(Choose(groups.Count + 1, rows, kept, table));
        }

        return groups;
    }

    private static DuplicateGroup Choose(int number, int[] rows, bool[] kept, EmbeddingTable table)
    {
        int[] references = [.. rows.Where(row => kept[row])];
        int keep = (references.Length > 0 ? references : rows).MaxBy(Area); // of equal ones the first
        return new DuplicateGroup(
            number,
            table.Rows[keep],
            Scored(references.Where(row => row != keep)),
            Scored(rows.Where(row => row != keep && !kept[row])));

        long Area(int row) => (long)(table.Rows[row].Width ?? 0) * (table.Rows[row].Height ?? 0);

        IReadOnlyList<ScoredPicture> Scored(IEnumerable<int> others) =>
            [.. others.Select(row => new ScoredPicture(table.Rows[row], Score(row))).OrderByDescending(one => one.Score)];

        double Score(int row) => NearestNeighbors.Cosine(Vector(keep), Vector(row));

        ReadOnlySpan<float> Vector(int row) => table.Values.Span.Slice(row * table.Dimension, table.Dimension);
    }

    private static IEnumerable<PageCard> Cards(string badge, IEnumerable<ScoredPicture> pictures) =>
        pictures.Select(one => new PageCard(badge, one.Score, one.Image));

    private void SayNotListed(DeletionList list)
    {
        if (list.Unlistable > 0)
            console.Error.WriteLine($"{NotListed}{list.Unlistable}, in archives or with line breaks in their paths; --json has them");
        if (list.SameFile > 0)
            console.Error.WriteLine($"{NotListed}{list.SameFile}, other names of files that are kept");
        if (list.Unproven > 0)
        {
            console.Error.WriteLine(
                $"{NotListed}{list.Unproven}, other bytes than the picture to keep, and no SHA-256 that says what was embedded");
            console.Error.WriteLine("hint: use an index of 'dino index', embed with --sha256, or give dedup the pictures");
        }
    }
}
