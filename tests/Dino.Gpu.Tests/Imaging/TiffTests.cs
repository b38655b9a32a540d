using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>TIFF that says too little of its colors, or more than a picture needs.</summary>
public sealed class TiffTests
{
    /// <summary>As Pillow, which takes the missing interpretation for 0, WhiteIsZero, also of a JPEG.</summary>
    [Theory]
    [InlineData("tiff_gray.tif")]
    [InlineData("tiff_gray_4bit_1.tif")]
    [InlineData("tiff_bilevel_raw.tif")]
    [InlineData("tiff_bilevel_group4.tif")]
    [InlineData("tiff_bilevel_tiff_lzw.tif")]
    [InlineData("tiff_jpeg_gray.tif")]
    public void One_sample_without_an_interpretation_has_white_for_zero(string name)
    {
        byte[] file = TiffFiles.Golden(name);
        RgbImage black = Decode(file);
        RgbImage white = Decode(TiffFiles.Without(file, 262));
        byte[] inverted = [.. black.Pixels.Select(value => (byte)(255 - value))];
        GoldenImages.AssertSame(new RgbImage(black.Width, black.Height, inverted), white);
    }

    /// <summary>Pillow does not read them either.</summary>
    [Theory]
    [InlineData("tiff_rgb_raw.tif", 3)]
    [InlineData("tiff_la.tif", 2)]
    [InlineData("tiff_rgba.tif", 4)]
    [InlineData("tiff_jpeg_rgb.tif", 3)]
    [InlineData("tiff_jpeg_cmyk.tif", 4)]
    public void Several_samples_without_an_interpretation_are_refused(string name, int samples)
    {
        ImageException refusal = Assert.Throws<ImageException>(() => Decode(TiffFiles.Without(TiffFiles.Golden(name), 262)));
        Assert.StartsWith($"TIFF of {samples} samples that does not say which colors they are", refusal.Message);
        Assert.NotNull(refusal.Hint);
    }

    /// <summary>As Pillow's <c>convert("RGB")</c> of its mode PA.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Alpha_beside_a_palette_is_dropped(int extra)
    {
        ushort[] colors = [.. Enumerable.Range(0, 768).Select(i => (ushort)(i * 85))];
        byte[] file = TiffFiles.Of(
            3, 1, [0, 255, 7, 0, 255, 128],
            (258, 3, [8, 8]), (259, 3, [1]), (262, 3, [3]), (277, 3, [2]), (320, 3, colors), (338, 3, [(ushort)extra]));
        Assert.Equal([0, 85, 170, 2, 87, 172, 84, 169, 254], Decode(file).Pixels);
    }

    private static RgbImage Decode(byte[] file) => GoldenImages.Decoder("skia").Decode(file, ExifOrientation.Ignore);
}
