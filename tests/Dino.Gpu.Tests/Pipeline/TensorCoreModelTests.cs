using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>The whole model in every tensor-core precision, beside float32 on the CPU.</summary>
public sealed class TensorCoreModelTests(
    TestDevices devices, SeededWeights seeded) : IClassFixture<TestDevices>, IClassFixture<SeededWeights>
{
    /// <summary>Cosines: 11 bits of mantissa in fp16 and tf32, 8 in bf16.</summary>
    [Theory]
    [InlineData(Precision.TensorFloat32, 0.9999)]
    [InlineData(Precision.Float16, 0.9999)]
    [InlineData(Precision.BFloat16, 0.999)]
    public void Embedding_is_close_to_float32(Precision precision, double limit)
    {
        devices.OpenForFullSize(TestDevice.Cuda);
        using IDisposable shown = CudaEmulator.Show();
        using DinoEncoder reference = DinoEncoder.Create(seeded.Weights, new DinoOptions { Device = "cpu" });
        using DinoEncoder encoder = DinoEncoder.Create(seeded.Weights, new DinoOptions { Device = "cuda:0", Precision = precision });
        string picture = GoldenData.PathOf("images", "chelsea.png");
        float[] expected = reference.Embed(picture);
        float[] actual = encoder.Embed(picture);
        double dot = 0, expectedSquares = 0, actualSquares = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            dot += (double)expected[i] * actual[i];
            expectedSquares += (double)expected[i] * expected[i];
            actualSquares += (double)actual[i] * actual[i];
        }

        Assert.InRange(dot / Math.Sqrt(expectedSquares * actualSquares), limit, 1.000001);
    }
}
