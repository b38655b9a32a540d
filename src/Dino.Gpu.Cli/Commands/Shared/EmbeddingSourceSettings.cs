using Dino.Gpu.Data.Embedding;

namespace Dino.Gpu.Cli.Commands;

/// <summary>How images among the arguments become vectors.</summary>
internal sealed record EmbeddingSourceSettings
{
    /// <summary>Value of <c>--weights</c>.</summary>
    public required string? Weights { get; init; }

    /// <summary>How images become vectors.</summary>
    public required EmbedderOptions Embedder { get; init; }

    /// <summary>Device, precision, preprocessing, decoder.</summary>
    public DinoOptions Model => Embedder.Model;
}
