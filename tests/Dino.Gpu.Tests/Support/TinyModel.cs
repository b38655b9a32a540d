using Dino.Gpu.Checkpoints;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Support;

/// <summary>A model that takes no time, and pictures for it.</summary>
internal static class TinyModel
{
    /// <summary>Heads of 8 columns, 17 tokens at 32x32.</summary>
    public static VitWeights Weights { get; } = SyntheticWeights.Create(new VitConfig
    {
        HiddenSize = 16,
        LayerCount = 2,
        HeadCount = 2,
        MlpSize = 40,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-12,
    });

    /// <summary>A picture of the model's input size, different for each number.</summary>
    public static RgbImage Picture(int number) => NoisePicture.Of(32, 32, number);
}
