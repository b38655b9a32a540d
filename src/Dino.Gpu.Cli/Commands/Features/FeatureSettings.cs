using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino features</c>, as the command line asks for it.</summary>
internal sealed record FeatureSettings : ImageBatchSettings
{
    /// <summary>What of each layer; empty where only class tokens are written.</summary>
    public required IReadOnlyList<PatchFeature> Features { get; init; }

    /// <summary>Negative from the end.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>The class tokens of so many last blocks too; 0 for none.</summary>
    public required int LastBlocks { get; init; }

    /// <summary>One .safetensors file an image, not an .npy file an array.</summary>
    public required bool Safetensors { get; init; }
}
