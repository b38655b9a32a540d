using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Vectors to learn from and vectors to classify.</summary>
internal sealed record ClassifyData
{
    /// <summary>What to learn from; null with a probe that is trained already.</summary>
    public required LabeledVectors? Train { get; init; }

    /// <summary>(test, dimension)</summary>
    public required ReadOnlyMemory<float> TestValues { get; init; }

    /// <summary>(test); null where nothing is known of their classes.</summary>
    public required int[]? TestLabels { get; init; }

    /// <summary>(test); empty texts where the file stores no paths.</summary>
    public required string[] TestPaths { get; init; }

    public required int Dimension { get; init; }

    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>What made the vectors; null where it is not known.</summary>
    public required Provenance? Model { get; init; }

    /// <summary>Images without a vector.</summary>
    public required long Failed { get; init; }

    /// <summary>The vectors to classify with their labels; null where these are not known.</summary>
    public LabeledVectors? Test => TestLabels is null ? null : new LabeledVectors(TestValues, Dimension, TestLabels, ClassNames);

    /// <summary>Reads or embeds what the settings name.</summary>
    /// <param name="settings">What was asked for.</param>
    /// <param name="probe">A classifier that is trained already; null to learn from the train set.</param>
    /// <param name="console">Standard streams.</param>
    /// <param name="cancellation">Looked at between images.</param>
    /// <exception cref="DinoException">Something cannot be read, has no label, or does not fit.</exception>
    public static async Task<ClassifyData> LoadAsync(ClassifySettings settings, LinearProbe? probe, CliConsole console, CancellationToken cancellation)
    {
        using var source = new EmbeddingSource(settings.Source, console) { Outputs = [("--confusion", settings.Confusion)] };
        EmbeddingTable? train = settings.Train is null ? null : await source.LoadAsync([settings.Train], cancellation).ConfigureAwait(false);
        LabelledTable? voters = train is null ? null : LabelledTable.Of(settings.Train!, train, settings.LabelColumn);
        if (voters is not null)
            RequireClasses(voters);
        EmbeddingTable? test = settings.Test is null ? null : await source.LoadAsync([settings.Test], cancellation).ConfigureAwait(false);
        NoteFailures(settings, console, source.Failed, (settings.Train, train), (settings.Test, test));
        string owner = settings.Train ?? "the probe";
        IReadOnlyList<string> classes = probe?.ClassNames ?? voters!.Classes;
        LabeledVectors? labelled = voters is null ? null : new LabeledVectors(train!.Values, train.Dimension, voters.Indices(classes, owner), classes);
        if (test is null)
            return Divide(settings, labelled!, train!);

        source.RequireComparable(owner, probe?.Dimension ?? train!.Dimension, probe is null ? train!.Model : ProbeModel.Of(probe), settings.Test!, test);
        return new ClassifyData
        {
            Train = labelled,
            TestValues = test.Values,
            TestLabels = settings.Unlabelled ? null : LabelledTable.Of(settings.Test!, test, settings.LabelColumn).Indices(classes, owner),
            TestPaths = [.. test.Rows.Select(row => row.Path)],
            Dimension = test.Dimension,
            ClassNames = classes,
            Model = train?.Model ?? test.Model,
            Failed = (train?.Failures.Count ?? 0) + test.Failures.Count,
        };
    }

    /// <summary>A part of the train set to test with.</summary>
    private static ClassifyData Divide(ClassifySettings settings, LabeledVectors labelled, EmbeddingTable table)
    {
        (int[] first, int[] second) = labelled.Split(settings.Split!.Value, settings.Seed);
        if (second.Length == 0)
            throw new DinoException($"{settings.Train} has one image of each class: nothing is left to test with, give a TEST");
        LabeledVectors test = labelled.Select(second);
        return new ClassifyData
        {
            Train = labelled.Select(first),
            TestValues = test.Values,
            TestLabels = test.Labels.ToArray(),
            TestPaths = [.. second.Select(row => table.Rows[row].Path)],
            Dimension = table.Dimension,
            ClassNames = labelled.ClassNames,
            Model = table.Model,
            Failed = table.Failures.Count,
        };
    }

    private static void RequireClasses(LabelledTable train)
    {
        var present = train.Labels.ToHashSet(StringComparer.Ordinal);
        if (train.Classes.FirstOrDefault(name => !present.Contains(name)) is { } empty)
            throw new DinoException($"{train.Input} has no image of the class '{empty}' that could be read: add one, or take the class away");
        if (train.Classes.Count == 1)
            throw new DinoException($"{train.Input} has one class only, '{train.Classes[0]}': expected two or more");
    }

    /// <summary>Images that failed just now were named one by one.</summary>
    private static void NoteFailures(ClassifySettings settings, CliConsole console, long named, params (string? Name, EmbeddingTable? Table)[] tables)
    {
        if (settings.Source.Quiet || named > 0)
            return;
        foreach ((string? name, EmbeddingTable? table) in tables)
        {
            if (table?.Failures.Count > 0)
                console.Error.WriteLine($"dino: {name}: {table.Failures.Count} rows without an embedding are left out");
        }
    }
}
