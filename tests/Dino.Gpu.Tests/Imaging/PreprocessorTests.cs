using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Sizes, crops and normalization beyond the reference data.</summary>
public sealed class PreprocessorTests
{
    /// <summary>
    /// torchvision: the shorter side exact, the longer one rounded down, the crop's corner rounded half to even.
    /// </summary>
    [Theory]
    [InlineData(500, 375, 224, 224, 341, 256, 58, 16)]    // (341 - 224) / 2 = 58.5 is 58
    [InlineData(375, 500, 224, 224, 256, 341, 16, 58)]
    [InlineData(451, 300, 224, 224, 384, 256, 80, 16)]
    [InlineData(100, 101, 224, 224, 256, 258, 16, 17)]
    [InlineData(300, 300, 32, 32, 37, 37, 2, 2)]          // 8/7 of 32 is 36.57; (37 - 32) / 2 = 2.5 is 2
    [InlineData(500, 375, 320, 240, 366, 274, 23, 17)]    // 366 x 274 is wanted; the width limits and 366 * 375 / 500 = 274.5
    [InlineData(500, 200, 224, 320, 915, 366, 346, 23)]   // (915 - 224) / 2 = 345.5 is 346
    [InlineData(200, 500, 320, 224, 366, 915, 23, 346)]
    public void Dino_preset_resizes_and_crops_the_center(
        int width, int height, int inputWidth, int inputHeight, int fullWidth, int fullHeight, int left, int top)
    {
        RgbImage image = PillowResizeTests.Noise(width, height);
        RgbImage full = PillowResize.Resize(image, fullWidth, fullHeight, ResizeFilter.Bicubic);
        byte[] expected = [.. Enumerable.Range(top, inputHeight)
            .SelectMany(y => full.Pixels[(3 * (y * fullWidth + left))..(3 * (y * fullWidth + left + inputWidth))])];
        GoldenImages.AssertSame(
            new RgbImage(inputWidth, inputHeight, expected), new Preprocessor(PreprocessPreset.Dino, inputWidth, inputHeight).Apply(image));
    }

    [Theory]
    [InlineData(PreprocessPreset.HuggingFace)]
    [InlineData(PreprocessPreset.Dino)]
    public void Any_picture_becomes_any_size(PreprocessPreset preset)
    {
        foreach ((int width, int height) in new[] { (1, 1), (1, 3000), (3000, 1), (17, 16), (224, 224), (256, 256) })
        {
            foreach ((int inputWidth, int inputHeight) in new[] { (1, 1), (16, 16), (224, 224), (320, 240), (7, 480) })
            {
                RgbImage image = new Preprocessor(preset, inputWidth, inputHeight).Apply(PillowResizeTests.Noise(width, height));
                Assert.Equal((inputWidth, inputHeight), (image.Width, image.Height));
            }
        }
    }

    /// <summary>The crop of a strip is cheap although the whole would not fit into memory.</summary>
    [Fact]
    public void Extreme_strip_is_cropped_without_being_resized_whole()
    {
        var image = new RgbImage(1_000_000, 1, new byte[3_000_000]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(224, new Preprocessor(PreprocessPreset.Dino, 224, 224).Apply(image).Width);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000_000);
    }

    [Fact]
    public void Too_long_a_picture_is_one_line()
    {
        var image = new RgbImage(1, 5_000_000, new byte[15_000_000]);
        string message = Assert.Throws<ImageException>(() => new Preprocessor(PreprocessPreset.HuggingFace, 224, 224).Apply(image)).Message;
        Assert.Contains("1x5000000", message);
    }

    [Theory]
    [InlineData(0, 224)]
    [InlineData(224, -1)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void Impossible_sizes_are_refused(int width, int height) =>
        Assert.ThrowsAny<ArgumentException>(() => new Preprocessor(PreprocessPreset.Dino, width, height));

    [Fact]
    public void Normalized_planes_follow_the_formula()
    {
        RgbImage image = PillowResizeTests.Noise(13, 5);
        float[] planes = PixelNormalization.Normalize(image);
        Assert.Equal(3 * 13 * 5, planes.Length);
        for (int channel = 0; channel < 3; channel++)
        {
            for (int pixel = 0; pixel < 13 * 5; pixel++)
            {
                double centered = image.Pixels[3 * pixel + channel] / 255.0 - PixelNormalization.Mean[channel];
                double expected = centered / PixelNormalization.StandardDeviation[channel];
                Assert.Equal((float)expected, planes[channel * 13 * 5 + pixel]);
            }
        }

        Assert.Throws<ArgumentException>(() => PixelNormalization.Normalize(image, new float[7]));
    }

    [Fact]
    public void One_preprocessor_serves_many_threads()
    {
        var preprocessor = new Preprocessor(PreprocessPreset.Dino, 224, 224);
        RgbImage image = GoldenImages.Of("chelsea_png").Decoded;
        string expected = GoldenImages.Of("chelsea_png").Sha256DinoEval224;
        Parallel.For(0, 32, _ => Assert.Equal(expected, GoldenImages.Sha256(preprocessor.Apply(image).Pixels)));
    }
}
