using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>The vectorised resize against a plain twin, at sizes that no picture of the reference data has.</summary>
public sealed class PillowResizeTests
{
    private static readonly (int Width, int Height)[] Sizes = [
        (1, 1), (1, 7), (7, 1), (2, 3), (5, 4), (17, 33), (64, 48), (101, 3), (3, 101), (197, 85)
    ];

    public static TheoryData<int, int, int, int, ResizeFilter> Pairs
    {
        get
        {
            var cases = new TheoryData<int, int, int, int, ResizeFilter>();
            foreach ((int width, int height) in Sizes)
            {
                foreach ((int newWidth, int newHeight) in Sizes)
                {
                    cases.Add(width, height, newWidth, newHeight, ResizeFilter.Bilinear);
                    cases.Add(width, height, newWidth, newHeight, ResizeFilter.Bicubic);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Resizing_equals_the_plain_twin(int width, int height, int newWidth, int newHeight, ResizeFilter filter)
    {
        RgbImage image = Noise(width, height);
        GoldenImages.AssertSame(Plain(image, newWidth, newHeight, filter), PillowResize.Resize(image, newWidth, newHeight, filter));
    }

    /// <summary>Black and white only, where cubic overshoots both ends and every pass must clip.</summary>
    [Fact]
    public void Overshoot_is_clipped_after_each_pass()
    {
        RgbImage image = Noise(31, 29);
        for (int i = 0; i < image.Pixels.Length; i++)
            image.Pixels[i] = image.Pixels[i] < 128 ? (byte)0 : (byte)255;
        GoldenImages.AssertSame(Plain(image, 83, 67, ResizeFilter.Bicubic), PillowResize.Resize(image, 83, 67, ResizeFilter.Bicubic));
        GoldenImages.AssertSame(Plain(image, 11, 13, ResizeFilter.Bicubic), PillowResize.Resize(image, 11, 13, ResizeFilter.Bicubic));
    }

    [Theory]
    [InlineData(ResizeFilter.Bilinear)]
    [InlineData(ResizeFilter.Bicubic)]
    public void One_color_stays_that_color(ResizeFilter filter)
    {
        for (int value = 0; value < 256; value += 5)
        {
            byte[] pixels = new byte[3 * 19 * 23];
            pixels.AsSpan().Fill((byte)value);
            RgbImage resized = PillowResize.Resize(new RgbImage(19, 23, pixels), 41, 7, filter);
            Assert.All(resized.Pixels, pixel => Assert.Equal(value, pixel));
        }
    }

    [Fact]
    public void Same_size_is_the_same_picture()
    {
        RgbImage image = Noise(20, 10);
        Assert.Same(image, PillowResize.Resize(image, 20, 10, ResizeFilter.Bicubic));
    }

    [Theory]
    [InlineData(90, 70, 40, 33, 5, 7, 20, 21)]
    [InlineData(90, 70, 90, 33, 11, 0, 64, 33)]   // columns kept
    [InlineData(90, 70, 40, 70, 0, 13, 40, 50)]   // rows kept
    [InlineData(90, 70, 90, 70, 13, 17, 30, 20)]  // only cropped
    [InlineData(9, 7, 400, 300, 200, 100, 33, 55)]
    public void Crop_equals_cropping_afterwards(
        int width, int height, int newWidth, int newHeight, int left, int top, int cropWidth, int cropHeight)
    {
        RgbImage image = Noise(width, height);
        RgbImage whole = Plain(image, newWidth, newHeight, ResizeFilter.Bicubic);
        byte[] expected = [.. Enumerable.Range(top, cropHeight)
            .SelectMany(y => whole.Pixels[(3 * (y * newWidth + left))..(3 * (y * newWidth + left + cropWidth))])];
        RgbImage actual = PillowResize.ResizeAndCrop(
            image, new ResizePlan(newWidth, newHeight, ResizeFilter.Bicubic, left, top, cropWidth, cropHeight));
        GoldenImages.AssertSame(new RgbImage(cropWidth, cropHeight, expected), actual);
    }

    [Fact]
    public void Sizes_must_be_positive()
    {
        RgbImage image = Noise(2, 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => PillowResize.Resize(image, 0, 1, ResizeFilter.Bilinear));
        Assert.Throws<ArgumentOutOfRangeException>(() => PillowResize.Resize(image, 1, -1, ResizeFilter.Bilinear));
    }

    internal static RgbImage Noise(int width, int height) => NoisePicture.Of(width, height, width * 1000 + height);

    /// <summary>
    /// The definition, one byte at a time: two passes over whole pictures, weights in double rounded to 22 bits.
    /// </summary>
    private static RgbImage Plain(RgbImage image, int width, int height, ResizeFilter filter)
    {
        RgbImage narrowed = width == image.Width ? image : PlainPass(image, width, image.Height, filter, isHorizontal: true);
        return height == image.Height ? narrowed : PlainPass(narrowed, width, height, filter, isHorizontal: false);
    }

    private static RgbImage PlainPass(RgbImage image, int width, int height, ResizeFilter filter, bool isHorizontal)
    {
        (int size, int newSize) = isHorizontal ? (image.Width, width) : (image.Height, height);
        double scale = (double)size / newSize;
        double stretch = Math.Max(1, scale);
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < newSize; i++)
        {
            double center = (i + 0.5) * scale;
            double support = stretch * (filter == ResizeFilter.Bilinear ? 1 : 2);
            int start = Math.Max(0, (int)(center - support + 0.5));
            int end = Math.Min(size, (int)(center + support + 0.5));
            double[] exact = [.. Enumerable.Range(start, end - start).Select(from => Weight(filter, (from - center + 0.5) / stretch))];
            double sum = exact.Sum();
            long[] weights = [.. exact.Select(weight => (long)Math.Round(weight / sum * (1 << 22), MidpointRounding.AwayFromZero))];
            for (int other = 0; other < (isHorizontal ? height : width); other++)
            {
                for (int channel = 0; channel < 3; channel++)
                {
                    long total = 1 << 21;
                    for (int tap = 0; tap < weights.Length; tap++)
                        total += weights[tap] * image.Pixels[3 * (isHorizontal ? other * image.Width + start + tap
                            : (start + tap) * image.Width + other) + channel];
                    pixels[3 * (isHorizontal ? other * width + i : i * width + other) + channel] = (byte)Math.Clamp(total >> 22, 0, 255);
                }
            }
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>Triangle, or Keys' cubic with a = -0.5 as its paper writes it.</summary>
    private static double Weight(ResizeFilter filter, double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (filter == ResizeFilter.Bilinear)
            return Math.Max(0, 1 - x);
        return x < 1 ? (A + 2) * x * x * x - (A + 3) * x * x + 1 : x < 2 ? A * x * x * x - 5 * A * x * x + 8 * A * x - 4 * A : 0;
    }
}
