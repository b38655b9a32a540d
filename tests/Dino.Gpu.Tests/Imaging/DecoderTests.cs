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
        Assert.Equal("skia-fast", ImageDecoders.Create("auto", mode: DecodeMode.Fast).Name);
        Assert.Contains("--decode fast", Assert.Throws<DinoException>(() => ImageDecoders.Create("stb", mode: DecodeMode.Fast)).Message);
    }

    /// <summary>Each decoder's result comes out of many threads at once.</summary>
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
            Assert.Throws<ImageException>(() => decoder.Decode(golden.File.AsMemory(0, golden.File.Length / 2), golden.Orientation));
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

    /// <summary>Of the last row a file may lack the padding, as in Pillow, and no byte more.</summary>
    [Theory]
    [InlineData("bmp_40_1bit.bmp", 3)]
    [InlineData("bmp_40_4bit.bmp", 1)]
    [InlineData("bmp_40_8bit.bmp", 3)]
    [InlineData("bmp_40_24bit.bmp", 1)]
    [InlineData("bmp_40_32bit.bmp", 0)]
    public void A_bitmap_may_lack_its_last_padding(string file, int padding)
    {
        byte[] whole = File.ReadAllBytes(Support.GoldenData.PathOf("pillow", file)); // 37 columns
        foreach (IImageDecoder decoder in new[] { GoldenImages.Decoder("skia"), GoldenImages.Decoder("stb") })
        {
            RgbImage expected = decoder.Decode(whole, ExifOrientation.Apply);
            Assert.Null(expected.Warning);
            for (int cut = 1; cut <= padding; cut++)
            {
                RgbImage image = decoder.Decode(whole.AsMemory(0, whole.Length - cut), ExifOrientation.Apply);
                GoldenImages.AssertSame(expected, image);
                Assert.Contains("BMP without its end", image.Warning);
            }

            ImageException refusal = Assert.Throws<ImageException>(
                () => decoder.Decode(whole.AsMemory(0, whole.Length - padding - 1), ExifOrientation.Apply));
            Assert.EndsWith($"and should have {whole.Length}", refusal.Message);
        }
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
        int complete = file.Length - 3; // the last byte of data has the end's code only
        for (int length = 0; length < complete; length++)
            Assert.Throws<ImageException>(() => GoldenImages.Decoder(name).Decode(file.AsMemory(0, length), ExifOrientation.Apply));
        for (int length = complete; length < file.Length; length++)
        {
            RgbImage image = GoldenImages.Decoder(name).Decode(file.AsMemory(0, length), ExifOrientation.Apply);
            Assert.Equal([10, 20, 30, .. second, .. second, 10, 20, 30], image.Pixels);
            Assert.Contains("GIF without its end", image.Warning);
        }
    }

    /// <summary>
    /// The smallest size that the preprocessor only makes smaller; alone, and for what is no JPEG, the whole picture.
    /// </summary>
    [Theory]
    [InlineData(1800, 1200, PreprocessPreset.HuggingFace, 450, 300)] // 2/8
    [InlineData(1800, 1200, PreprocessPreset.Dino, 450, 300)]
    [InlineData(640, 427, PreprocessPreset.HuggingFace, 400, 267)] // 5/8: 4/8 has 214 rows
    [InlineData(640, 427, PreprocessPreset.Dino, 400, 267)]
    [InlineData(3000, 300, PreprocessPreset.HuggingFace, 2250, 225)]
    [InlineData(250, 250, PreprocessPreset.HuggingFace, 250, 250)]
    [InlineData(100, 100, PreprocessPreset.HuggingFace, 100, 100)]
    public void Fast_decoder_stays_above_the_size_that_is_needed(
        int width, int height, PreprocessPreset preset, int outWidth, int outHeight)
    {
        byte[] file = GeneratedPictures.Picture(seed: 3, width, height);
        var fast = new SkiaImageDecoder { Fast = true };
        var preprocessor = new Preprocessor(preset, 224, 224);
        RgbImage small = ImageDecoding.For(fast, preprocessor).Decode(file, ExifOrientation.Apply);
        Assert.Equal((outWidth, outHeight), (small.Width, small.Height));
        RgbImage whole = new SkiaImageDecoder().Decode(file, ExifOrientation.Apply);
        GoldenImages.AssertSame(whole, fast.Decode(file, ExifOrientation.Apply));
        RgbImage exact = preprocessor.Apply(whole);
        double mean = preprocessor.Apply(small).Pixels.Zip(exact.Pixels).Average(pair => Math.Abs(pair.First - pair.Second));
        Assert.InRange(mean, outWidth == width ? 0 : 1e-6, outWidth == width ? 0 : 4);
    }

    /// <summary>A picture that is turned needs its sides the other way round, and keeps the size of its file.</summary>
    [Fact]
    public void Fast_decoder_knows_which_side_is_which()
    {
        byte[] plain = GeneratedPictures.Picture(seed: 4, 1600, 400);
        byte[] exif = [.. "Exif\0\0MM\0*\0\0\0\u0008\0\u0001\u0001\u0012\0\u0003\0\0\0\u0001\0\u0006\0\0\0\0\0\0"u8];
        byte[] turned = [.. plain[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. plain[2..]];
        IImageDecoder decoder = ImageDecoding.For(
            new SkiaImageDecoder { Fast = true }, new Preprocessor(PreprocessPreset.HuggingFace, 100, 400));
        RgbImage upright = decoder.Decode(turned, ExifOrientation.Apply); // 400x1600, needed 100x400: 2/8
        Assert.Equal((100, 400), (upright.Width, upright.Height));
        RgbImage stored = decoder.Decode(turned, ExifOrientation.Ignore); // 1600x400, needed 100x400
        Assert.Equal((1600, 400), (stored.Width, stored.Height));
        ImageHeader header = ImageHeader.Read(turned);
        Assert.Equal((400, 1600), header.SizeAt(ExifOrientation.Apply));
        Assert.Equal((1600, 400), header.SizeAt(ExifOrientation.Ignore));
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
