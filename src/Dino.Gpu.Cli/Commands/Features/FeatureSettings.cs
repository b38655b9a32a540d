using Dino.Gpu.Data.Outputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino features</c>, as the command line asks for it.</summary>
internal sealed record FeatureSettings : ImageBatchSettings
{
    /// <summary>What is written.</summary>
    public required FeatureSet What { get; init; }

    /// <summary>Negative from the end.</summary>
    public required IReadOnlyList<int> Layers { get; init; }
}
