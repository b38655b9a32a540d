namespace Dino.Gpu.Cli.Commands;

/// <summary>The settings that <c>dino knn</c> and <c>dino linear</c> share.</summary>
internal sealed record ClassifySettings
{
    /// <summary>Labeled images or embeddings to learn from; null for a classifier that is trained already.</summary>
    public required string? Train { get; init; }

    /// <summary>Images or embeddings to classify; null to take them out of <see cref="Train"/>.</summary>
    public required string? Test { get; init; }

    /// <summary>Value of <c>--label-column</c>; null for the column <c>label</c>, if there is one.</summary>
    public required string? LabelColumn { get; init; }

    /// <summary>Share of <see cref="Train"/> to learn from; null if there is a test.</summary>
    public required double? Split { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Whether the classes of the test are not known.</summary>
    public required bool Unlabeled { get; init; }

    /// <summary>How images become vectors, by the command line alone.</summary>
    public required VectorSettings Vectors { get; init; }

    /// <summary>How images become vectors, and the device.</summary>
    public required EmbeddingSourceSettings Source { get; init; }

    /// <summary>The device of the classifier: the first of the model's.</summary>
    public string Device => ModelOptions.FirstDevice(Source.Model.Device);

    public required bool Json { get; init; }

    /// <summary>PNG file for the confusion matrix; null for none.</summary>
    public required string? Confusion { get; init; }

    /// <summary>CSV file for the predictions; null for none.</summary>
    public required string? Predictions { get; init; }
}
