namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino knn</c> and <c>dino linear</c> share, as the command line asks for it.</summary>
internal sealed record ClassifySettings
{
    /// <summary>Labeled images or embeddings to learn from; null with a probe that is trained already.</summary>
    public required string? Train { get; init; }

    /// <summary>Images or embeddings to classify; null to take them out of <see cref="Train"/>.</summary>
    public required string? Test { get; init; }

    /// <summary>Value of <c>--label-column</c>; null for the column <c>label</c> where there is one.</summary>
    public required string? LabelColumn { get; init; }

    /// <summary>Share of <see cref="Train"/> to learn from where there is no test.</summary>
    public required double? Split { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Whether nothing is known of the test's classes.</summary>
    public required bool Unlabeled { get; init; }

    /// <summary>How images become vectors, as the command line says.</summary>
    public required VectorSettings Vectors { get; init; }

    /// <summary>How images become vectors, and the device.</summary>
    public required EmbeddingSourceSettings Source { get; init; }

    /// <summary>Where the classifier runs: on the first of the model's devices.</summary>
    public string Device => ModelOptions.FirstDevice(Source.Model.Device);

    public required bool Json { get; init; }

    /// <summary>A PNG file for the confusion matrix.</summary>
    public required string? Confusion { get; init; }

    /// <summary>A CSV file for the predictions.</summary>
    public required string? Predictions { get; init; }
}
