using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using SkiaSharp;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>What decoders must do beyond the reference pictures.</summary>
public sealed class DecoderTests
{
    [Fact]
    public void Names_choose_decoders()
    {
        Assert.IsType<SkiaImageDecoder>(ImageDecoders.Create("auto"));
        Assert.IsType<SkiaImageDecoder>(ImageDecoders.Create("skia"));
        Assert.IsType<StbImageDecoder>(ImageDecoders.Create("stb"));
        Assert.Contains("expected auto, skia, stb", Assert.Throws<DinoException>(() => ImageDecoders.Create("gdi")).Message);
        Assert.All(["skia", "stb"], name => Assert.Equal(name, ImageDecoders.Create(name).Name));
    }

    /// <summary>Each decoder's own result, whatever it is on JPEG, comes out of many threads at once.</summary>
    [Theory]
    [InlineData("skia")]
    [InlineData("stb")]
    public void One_decoder_serves_many_threads(string name)
    {
        IImageDecoder decoder = GoldenImages.Decoder(name);
        GoldenImage[] pictures = [.. GoldenImages.All];
        string[] expected = [.. pictures.Select(golden => GoldenImages.Sha256(decoder.Decode(golden.File, golden.Orientation).Pixels))];
        Parallel.For(0, pictures.Length * 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            GoldenImage golden = pictures[i % pictures.Length];
            Assert.Equal(expected[i % pictures.Length], GoldenImages.Sha256(decoder.Decode(golden.File, golden.Orientation).Pixels));
            // failures between
            Assert.Throws<DinoException>(() => decoder.Decode(golden.File.AsMemory(0, golden.File.Length / 2), golden.Orientation));
        });
    }

    /// <summary>A slice of a larger buffer is a file too.</summary>
    [Theory]
    [InlineData("skia")]
    [InlineData("stb")]
    public void Part_of_a_buffer_is_decoded(string name)
    {
        GoldenImage golden = GoldenImages.Of("rgba_png");
        byte[] buffer = [1, 2, 3, .. golden.File, 4, 5];
        RgbImage image = GoldenImages.Decoder(name).Decode(buffer.AsMemory(3, golden.File.Length), ExifOrientation.Apply);
        Assert.Equal(golden.Sha256Rgb, GoldenImages.Sha256(image.Pixels));
    }

    /// <summary>Colors under alpha 0 stay, which premultiplied decoding would lose.</summary>
    [Theory]
    [InlineData("skia")]
    [InlineData("stb")]
    public void Invisible_pixels_keep_their_colors(string name)
    {
        byte[] rows = [0, 200, 100, 50, 0, 10, 20, 30, 1, 0, 255, 254, 253, 0, 7, 8, 9, 255];
        byte[] file = [
            .. PngFiles.Signature, .. PngFiles.Header(2, 2, colorType: 6), .. PngFiles.Chunk("IDAT", PngFiles.Deflated(rows)),
            .. PngFiles.Chunk("IEND", [])
        ];
        Assert.Equal(
            [200, 100, 50, 10, 20, 30, 255, 254, 253, 7, 8, 9], GoldenImages.Decoder(name).Decode(file, ExifOrientation.Apply).Pixels);
    }

    /// <summary>A color made transparent by tRNS is still that color.</summary>
    [Theory]
    [InlineData("skia")]
    [InlineData("stb")]
    public void Transparent_color_of_an_RGB_png_stays(string name)
    {
        byte[] rows = [0, 1, 2, 3, 4, 5, 6];
        byte[] file =
        [
            .. PngFiles.Signature, .. PngFiles.Header(2, 1), .. PngFiles.Chunk("tRNS", [0, 1, 0, 2, 0, 3]),
            .. PngFiles.Chunk("IDAT", PngFiles.Deflated(rows)), .. PngFiles.Chunk("IEND", []),
        ];
        Assert.Equal([1, 2, 3, 4, 5, 6], GoldenImages.Decoder(name).Decode(file, ExifOrientation.Apply).Pixels);
    }

    /// <summary>
    /// Values are taken as stored, whatever color profile the file carries; Pillow does not convert either.
    /// </summary>
    [Theory]
    [InlineData("skia")]
    [InlineData("stb")]
    public void Color_profile_is_not_applied(string name)
    {
        using var wide = SKColorSpace.CreateRgb(SKColorSpaceTransferFn.Linear, SKColorSpaceXyz.Rec2020);
        byte[] rgba = [200, 100, 50, 255, 10, 20, 30, 255];
        using var data = SKData.CreateCopy(rgba);
        using SKImage image = SKImage.FromPixels(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Opaque, wide), data, 8);
        using SKPixmap pixels = image.PeekPixels();
        byte[] file = pixels.Encode(SKPngEncoderOptions.Default)!.ToArray();
        Assert.True(file.AsSpan().IndexOf("iCCP"u8) > 0, "the encoder wrote no profile");
        Assert.Equal([200, 100, 50, 10, 20, 30], GoldenImages.Decoder(name).Decode(file, ExifOrientation.Apply).Pixels);
    }

    [Fact]
    public void WebP_is_read_by_skia()
    {
        RgbImage image = PillowResizeTests.Noise(37, 23);
        GoldenImages.AssertSame(image, GoldenImages.Decoder("skia").Decode(WebPFiles.Lossless(image), ExifOrientation.Apply));
        RgbImage photo = GoldenImages.Of("chelsea_png").Decoded;
        RgbImage lossy = GoldenImages.Decoder("skia").Decode(WebPFiles.Lossy(photo), ExifOrientation.Apply);
        Assert.InRange(photo.Pixels.Zip(lossy.Pixels).Average(pair => Math.Abs(pair.First - pair.Second)), 0.1, 5);
    }

    /// <summary>
    /// A 2x2 GIF of two colors, of which none or the second is transparent; a transparent pixel keeps the color of the
    /// table, as in Pillow.
    /// </summary>
    [Theory]
    [InlineData("skia", false)]
    [InlineData("skia", true)]
    [InlineData("stb", false)]
    [InlineData("stb", true)]
    public void Gif_is_read(string name, bool isTransparent)
    {
        BitWriter codes = default;
        foreach (int code in new[] { 4, 0, 1, 1 }) // clear, the pixels
            codes.Add(code, 3);
        codes.Add(0, 4); // the table has 8 codes by now
        codes.Add(5, 4); // end
        byte[] file =
        [
            .. "GIF89a"u8, 2, 0, 2, 0, 0x80, 0, 0, 10, 20, 30, 200, 210, 220,
            .. isTransparent ? new byte[] { 0x21, 0xF9, 4, 1, 0, 0, 1, 0 } : [],
            0x2C, 0, 0, 0, 0, 2, 0, 2, 0, 0,
            2, 3, (byte)codes.Bits, (byte)(codes.Bits >> 8), (byte)(codes.Bits >> 16), 0,
            0x3B,
        ];
        byte[] second = [200, 210, 220];
        Assert.Equal([10, 20, 30, .. second, .. second, 10, 20, 30], GoldenImages.Decoder(name).Decode(file, ExifOrientation.Apply).Pixels);
        ImageHeader header = ImageHeader.Read(file);
        Assert.Equal((ImageFormat.Gif, 2, 2, 1), (header.Format, header.Width, header.Height, header.Orientation));
        for (int length = 0; length < file.Length; length++)
            Assert.Throws<DinoException>(() => GoldenImages.Decoder(name).Decode(file.AsMemory(0, length), ExifOrientation.Apply));
    }

    private struct BitWriter
    {
        private int _count;

        public int Bits { get; private set; }

        public void Add(int value, int count)
        {
            Bits |= value << _count;
            _count += count;
        }
    }
}
