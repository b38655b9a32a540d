using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Support;

/// <summary>ViT-S/16 with the weights that the reference data was made with.</summary>
public sealed class SeededWeights
{
    public VitWeights Weights { get; } = SyntheticWeights.Create(VitConfig.VitS16);
}
