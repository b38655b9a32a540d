using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Pixels of other libraries.</summary>
public sealed class RgbImageTests
{
    [Theory]
    [InlineData(PixelFormat.Rgb, new byte[] { 1, 2, 3 })]
    [InlineData(PixelFormat.Bgr, new byte[] { 3, 2, 1 })]
    [InlineData(PixelFormat.Rgba, new byte[] { 1, 2, 3, 0 })] // transparent, and not blended
    [InlineData(PixelFormat.Bgra, new byte[] { 3, 2, 1, 0 })]
    [InlineData(PixelFormat.Gray, new byte[] { 7 })]
    public void Every_format_and_stride_becomes_rgb(PixelFormat format, byte[] pixel)
    {
        const int Width = 5, Height = 3;
        byte[] expected = format == PixelFormat.Gray ? [7, 7, 7] : [1, 2, 3];
        foreach (int gap in (int[])[0, 1, 6])
        {
            int stride = Width * pixel.Length + gap;
            byte[] pixels = new byte[stride * Height - gap]; // nothing after the last row
            pixels.AsSpan().Fill(99);
            for (int y = 0; y < Height; y++)
            {
                for (int x = 0; x < Width; x++)
                {
                    pixel.CopyTo(pixels, y * stride + x * pixel.Length);
                    if (format != PixelFormat.Gray)
                        pixels[y * stride + x * pixel.Length + 1] = (byte)(10 * y + x); // green is in the middle of all of them
                }
            }

            RgbImage image = RgbImage.FromPixels(pixels, Width, Height, stride, format);
            Assert.Equal((Width, Height), (image.Width, image.Height));
            for (int i = 0; i < Width * Height; i++)
            {
                byte green = format == PixelFormat.Gray ? expected[1] : (byte)(10 * (i / Width) + i % Width);
                Assert.Equal([expected[0], green, expected[2]], image.Pixels[(3 * i)..(3 * i + 3)]);
            }

            if (gap == 0)
                Assert.Equal(image.Pixels, RgbImage.FromPixels(pixels, Width, Height, format).Pixels);
        }
    }

    [Fact]
    public void Too_few_pixels_and_wrong_sizes_are_refused()
    {
        byte[] pixels = new byte[4 * 10 * 10];
        Assert.Contains(
            "takes 403 bytes", Assert.Throws<ArgumentException>(() => RgbImage.FromPixels(pixels, 1, 41, 10, PixelFormat.Rgb)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => RgbImage.FromPixels(pixels, 10, 10, 39, PixelFormat.Bgra));
        Assert.Throws<ArgumentOutOfRangeException>(() => RgbImage.FromPixels(pixels, 0, 10, 40, PixelFormat.Bgra));
        Assert.Throws<ArgumentOutOfRangeException>(() => RgbImage.FromPixels(pixels, 10, -1, 40, PixelFormat.Bgra));
        Assert.Throws<ArgumentOutOfRangeException>(() => RgbImage.FromPixels(pixels, 10, 10, 40, (PixelFormat)9));
        Assert.Throws<ArgumentException>(() => RgbImage.FromPixels(pixels, 1 << 20, 1 << 20, int.MaxValue, PixelFormat.Gray));
        Assert.Contains(
            "takes 3221225472 bytes",
            Assert.Throws<ArgumentException>(() => RgbImage.FromPixels(pixels, 1 << 30, 1, PixelFormat.Bgr)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => RgbImage.FromPixels(pixels, int.MinValue, 1, PixelFormat.Bgra));
        Assert.Contains(
            "takes 13835058042397261827 bytes",
            Assert.Throws<ArgumentException>(() => new RgbImage(int.MaxValue, int.MaxValue, pixels)).Message);
    }
}
