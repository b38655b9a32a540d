using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Vectors to learn from and vectors to classify.</summary>
internal sealed record ClassifyData
{
    /// <summary>The vectors to learn from; null for a classifier that is trained already.</summary>
    public required LabeledVectors? Train { get; init; }

    /// <summary>(test, dimension)</summary>
    public required ReadOnlyMemory<float> TestValues { get; init; }

    /// <summary>(test); null if their classes are not known.</summary>
    public required int[]? TestLabels { get; init; }

    /// <summary>(test); empty if the file stores no paths.</summary>
    public required string[] TestPaths { get; init; }

    public required int Dimension { get; init; }

    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>What made the vectors; null if that is not known.</summary>
    public required Provenance? Model { get; init; }

    /// <summary>How many images have no vector.</summary>
    public required long Failed { get; init; }

    /// <summary>The vectors to classify with their labels; null if these are not known.</summary>
    public LabeledVectors? Test => TestLabels is null ? null : new LabeledVectors(TestValues, Dimension, TestLabels, ClassNames);

    /// <summary>Reads or embeds what the settings name.</summary>
    /// <param name="settings">What was asked for.</param>
    /// <param name="probe">A classifier that is trained already; null to learn from the train set.</param>
    /// <param name="console">Standard streams.</param>
    /// <param name="cancellation">Checked between images.</param>
    /// <exception cref="DinoException">An input cannot be read, has no label, or does not fit the other.</exception>
    public static async Task<ClassifyData> LoadAsync(
        ClassifySettings settings, LinearProbe? probe, CliConsole console, CancellationToken cancellation)
    {
        using var source = new EmbeddingSource(settings.Source, console) { Outputs = [("--confusion", settings.Confusion)] };
        EmbeddingTable? train = await LoadAsync(settings.Train).ConfigureAwait(false);
        LabeledTable? voters = train is null ? null : LabeledTable.Of(settings.Train!, train, settings.LabelColumn);
        voters?.RequireClasses();
        EmbeddingTable? test = await LoadAsync(settings.Test).ConfigureAwait(false);
        NoteFailures(console, source.Failed, (settings.Train, train), (settings.Test, test));
        string owner = settings.Train ?? "the probe";
        IReadOnlyList<string> classes = probe?.ClassNames ?? voters!.Classes;
        LabeledVectors? labeled = voters is null
            ? null
            : new LabeledVectors(train!.Values, train.Dimension, voters.Indices(classes, owner), classes);
        if (test is null)
            return Divide(settings, labeled!, train!);

        Provenance? trained = probe is null ? train!.Model : ProbeModel.Of(probe);
        source.RequireComparable(owner, probe?.Dimension ?? train!.Dimension, trained, settings.Test!, test);
        return new ClassifyData
        {
            Train = labeled,
            TestValues = test.Values,
            TestLabels = settings.Unlabeled ? null : LabeledTable.Of(settings.Test!, test, settings.LabelColumn).Indices(classes, owner),
            TestPaths = [.. test.Rows.Select(row => row.Path)],
            Dimension = test.Dimension,
            ClassNames = classes,
            Model = train?.Model ?? test.Model,
            Failed = (train?.Failures.Count ?? 0) + test.Failures.Count,
        };

        async Task<EmbeddingTable?> LoadAsync(string? input) =>
            input is null ? null : await source.LoadAsync([input], cancellation).ConfigureAwait(false);
    }

    /// <summary>Takes a part of the train set to test with.</summary>
    private static ClassifyData Divide(ClassifySettings settings, LabeledVectors labeled, EmbeddingTable table)
    {
        (int[] first, int[] second) = labeled.Split(settings.Split!.Value, settings.Seed);
        if (second.Length == 0)
            throw new DinoException($"{settings.Train} has one image of each class, so nothing is left to test with", "give a TEST");
        LabeledVectors test = labeled.Select(second);
        return new ClassifyData
        {
            Train = labeled.Select(first),
            TestValues = test.Values,
            TestLabels = test.Labels.ToArray(),
            TestPaths = [.. second.Select(row => table.Rows[row].Path)],
            Dimension = table.Dimension,
            ClassNames = labeled.ClassNames,
            Model = table.Model,
            Failed = table.Failures.Count,
        };
    }

    /// <summary>
    /// Says how many rows are left out, unless their images failed just now and were named one by one.
    /// </summary>
    private static void NoteFailures(CliConsole console, long named, params (string? Name, EmbeddingTable? Table)[] tables)
    {
        if (named > 0)
            return;
        foreach ((string? name, EmbeddingTable? table) in tables)
        {
            if (table?.Failures.Count > 0)
                console.Note($"left out of {name}: {Quantity.Of(table.Failures.Count, "row")} without an embedding");
        }
    }
}
