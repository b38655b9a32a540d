using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>DINOv3's pictures: resized as fractions, by a twin that follows the definition in double precision.</summary>
public sealed class FractionResizeTests
{
    /// <summary>Float32 sums of up to a few dozen weights, on the scale of the normalized values.</summary>
    private const double Tolerance = 2e-6;

    private static readonly PreprocessorConfig Config = new() { KeepsFractions = true };

    public static TheoryData<int, int, int, int> Sizes => new()
    {
        { 300, 451, 224, 224 }, { 17, 9, 64, 48 }, { 100, 40, 33, 77 }, { 64, 100, 64, 50 }, { 100, 64, 50, 64 },
        { 1, 1, 5, 3 }, { 640, 3, 16, 16 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Equals_a_sum_over_the_whole_picture(int width, int height, int wantedWidth, int wantedHeight)
    {
        RgbImage image = NoisePicture.Of(width, height, 7);
        RgbImage found = new Preprocessor(Config, wantedWidth, wantedHeight).Apply(image);
        float[] planes = PixelNormalization.Normalize(found, Config);
        double[][] across = Weights(width, wantedWidth), down = Weights(height, wantedHeight);
        double largest = 0;
        for (int channel = 0; channel < 3; channel++)
        {
            for (int y = 0; y < wantedHeight; y++)
            {
                for (int x = 0; x < wantedWidth; x++)
                {
                    double sum = 0;
                    for (int row = 0; row < height; row++)
                    {
                        for (int column = 0; column < width && down[y][row] != 0; column++)
                            sum += down[y][row] * across[x][column] * (image.Pixels[3 * (row * width + column) + channel] / 255.0);
                    }

                    double expected = (sum - PixelNormalization.Mean[channel]) / PixelNormalization.StandardDeviation[channel];
                    double value = planes[(channel * wantedHeight + y) * wantedWidth + x];
                    largest = Math.Max(largest, Math.Abs(value - expected));
                    Assert.Equal(
                        Math.Clamp(Math.Round(255 * sum), 0, 255), found.Pixels[3 * (y * wantedWidth + x) + channel], tolerance: 1.0);
                }
            }
        }

        Assert.True(largest <= Tolerance, $"largest difference {largest:E2}");
    }

    /// <summary>
    /// Pillow rounds to bytes after each of its two passes, half a level each. So the two ways are at most one level
    /// apart, 1 / 255 / 0.224 = 0.0175 after normalization; weights in fixed point add a little.
    /// </summary>
    [Fact]
    public void Pillow_is_up_to_one_level_away()
    {
        double largest = 0;
        foreach (GoldenImage golden in GoldenImages.All.Where(golden => golden.Decoded.Width != 224))
        {
            RgbImage fractions = new Preprocessor(Config, 224, 224).Apply(golden.Decoded);
            RgbImage bytes = new Preprocessor(PreprocessPreset.HuggingFace, 224, 224).Apply(golden.Decoded);
            float[] values = fractions.Fractions!;
            for (int i = 0; i < values.Length; i++)
                largest = Math.Max(largest, Math.Abs(values[i] - bytes.Pixels[i]));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"largest difference from Pillow: {largest:F4} of 255");
        Assert.InRange(largest, 0.6, 1.01);
    }

    [Fact]
    public void A_picture_of_the_input_size_has_no_fractions()
    {
        RgbImage image = NoisePicture.Of(32, 48, 3);
        Assert.Same(image, new Preprocessor(Config, 32, 48).Apply(image));
        Assert.Equal(PixelNormalization.Normalize(image), PixelNormalization.Normalize(image, Config));
    }

    [Fact]
    public void Pixels_in_their_order_are_the_planes_in_theirs()
    {
        RgbImage image = NoisePicture.Of(40, 30, 3);
        foreach (RgbImage picture in (RgbImage[])[image, new Preprocessor(Config, 20, 10).Apply(image)])
        {
            float[] planes = PixelNormalization.Normalize(picture, Config);
            float[] pixels = new float[planes.Length];
            PixelNormalization.NormalizePixels(picture, Config, pixels);
            int plane = planes.Length / 3;
            Assert.Equal(planes, Enumerable.Range(0, planes.Length).Select(i => pixels[i % plane * 3 + i / plane]));
        }
    }

    [Fact]
    public void Each_family_has_its_pictures()
    {
        PreprocessorConfig second = FamilyModel.Load("dinov2").Preprocessor!;
        Assert.Equal("bicubic, shorter side 80 cropped to 70x70", second.Difference);
        var second518 = VitConfig.VitS16 with { Kind = ModelKind.DinoV2, PatchSize = 14, TrainedGrid = 37, DefaultInputSize = 224 };
        PreprocessorConfig published = second518.UsualPreprocessor!;
        Assert.Equal("bicubic, shorter side 256 cropped to 224x224", published.Difference);
        PreprocessorConfig third = FamilyModel.Load("dinov3").Preprocessor!;
        Assert.Equal(("fractions", 64, 64), (third.Difference, third.InputWidth, third.InputHeight));
    }

    /// <summary>(output, input): the triangle at half-pixel centers, as wide as the step where the side shrinks.</summary>
    private static double[][] Weights(int input, int output)
    {
        double step = (double)input / output, width = Math.Max(step, 1);
        return
        [
            .. Enumerable.Range(0, output).Select(i =>
            {
                double center = (i + 0.5) * step;
                double[] weights = [.. Enumerable.Range(0, input).Select(j => Math.Max(0, 1 - Math.Abs(j + 0.5 - center) / width))];
                double sum = weights.Sum();
                return weights.Select(weight => weight / sum).ToArray();
            }),
        ];
    }
}
