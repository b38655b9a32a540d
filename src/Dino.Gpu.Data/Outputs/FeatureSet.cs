using Dino.Gpu.Features;

namespace Dino.Gpu.Data.Outputs;

/// <summary>What <see cref="FeatureFiles"/> writes for each image.</summary>
/// <param name="Directory">Where the files go.</param>
/// <param name="Features">What to write of each layer; empty if only class tokens are written.</param>
/// <param name="LastBlocks">Blocks whose class tokens are written too, counted from the last; 0 for none.</param>
/// <param name="Safetensors">Whether an image becomes one .safetensors file instead of one .npy file per array.</param>
internal sealed record FeatureSet(string Directory, IReadOnlyList<PatchFeature> Features, int LastBlocks, bool Safetensors);
