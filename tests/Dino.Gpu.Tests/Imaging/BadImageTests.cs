using System.Buffers.Binary;
using System.Text;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>
/// What is no picture, cut short, absurd or damaged: one clear line from both decoders, and nothing allocated on a
/// file's word.
/// </summary>
public sealed class BadImageTests
{
    private static readonly string[] Decoders = ["skia", "stb"];

    public static TheoryData<string, byte[], string> NotImages => new()
    {
        { "empty", [], "not an image: expected JPEG, PNG, WebP, BMP, GIF, TIFF or ICO, found an empty file" },
        { "text", Encoding.UTF8.GetBytes("This is a text named .jpg, with an umlaut: ü.\n"), "found text" },
        { "long text", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("<html>äöü</html>\r\n", 100))), "found text" },
        { "svg", Encoding.UTF8.GetBytes("<?xml version=\"1.0\"?>\n<svg width=\"3\" height=\"3\"/>"), "found SVG" },
        { "tiff without directory", [.. "II*\0"u8, 8, 0, 0, 0], "truncated TIFF: the file ends after 8 bytes" },
        { "tiff that claims much", [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 17, 1, 4, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0],
            "tag 273 claims 2147483647 values" },
        { "dng", [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0xC6, 1, 0, 4, 0, 0, 0, 1, 4, 0, 0], "camera's raw file (DNG)" },
        { "jpeg 2000", [0, 0, 0, 12, .. "jP  \r\n"u8, 0x87, 10, 0, 0], "found JPEG 2000" },
        { "jpeg 2000 codestream", [0xFF, 0x4F, 0xFF, 0x51, 0, 0], "found JPEG 2000" },
        { "jpeg xl", [0, 0, 0, 12, .. "JXL \r\n"u8, 0x87, 10, 0, 0], "found JPEG XL" },
        { "jpeg xl codestream", [0xFF, 0x0A, 0xFA, 0x1F], "found JPEG XL" },
        { "ppm", [.. "P6 1 1 255\n"u8, 1, 2, 3], "found PPM" },
        { "pgm in text", [.. "P2\n1 1\n255\n7\n"u8], "found PPM" },
        { "jpeg of 12 bits", Frame(0xC1, 12, 3), "12-bit JPEG is not supported" },
        { "lossless jpeg", Frame(0xC3, 8, 3), "lossless JPEG is not supported" },
        { "jpeg-ls", Frame(0xF7, 8, 3), "near-lossless (JPEG-LS) JPEG is not supported" },
        { "hierarchical jpeg", Frame(0xC5, 8, 3), "hierarchical JPEG is not supported" },
        { "jpeg of a later height", [.. Frame(0xC0, 8, 3)[..7], 0, 0, .. Frame(0xC0, 8, 3)[9..]], "(DNL), which is not supported" },
        { "bmp that holds a png", [.. "BM"u8, .. new byte[12], 40, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 5, .. new byte[99]],
            "BMP that holds a PNG is not supported" },
        { "jpeg of 2 components", Frame(0xC0, 8, 2), "JPEG of 2 components is not supported" },
        { "ico without picture", [0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0, 0, 1, 0, 0, 22, 0, 0, 0], "truncated ICO" },
        { "avif", [0, 0, 0, 32, .. "ftypavif"u8, 0, 0, 0, 0], "found AVIF" },
        { "heic", [0, 0, 0, 32, .. "ftypheic"u8, 0, 0, 0, 0], "found HEIF" },
        { "pdf", [.. "%PDF-1.7"u8], "found PDF" },
        { "noise", [0, 1, 2, 3, 0xFE, 0xAB], "found bytes 00010203FEAB" },
        { "jpeg start only", [0xFF, 0xD8], "not an image" },
        { "jpeg without picture", [0xFF, 0xD8, 0xFF, 0xD9], "ends without a picture" },
        { "jpeg segment of 1 byte", [0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0xFF, 0xD9], "claims 1 bytes" },
        { "png without IHDR", [.. PngFiles.Signature, .. PngFiles.Chunk("IDAT", new byte[20])], "expected IHDR" },
        { "png without IDAT", [.. PngFiles.Signature, .. PngFiles.Header(3, 3), .. PngFiles.Chunk("IEND", [])], "no IDAT" },
        { "png chunk of 4 GB", [.. PngFiles.Signature, .. PngFiles.Header(3, 3), 0xFF, 0xFF, 0xFF,
            0xFF, .. "IDAT"u8, 0, 0, 0, 0], "claims 4294967295 bytes" },
        { "gif without picture", [.. "GIF89a"u8, 4, 0, 4, 0, 0, 0, 0, 0x3B], "ends without a picture" },
        { "webp without picture", [.. "RIFF"u8, 4, 0, 0, 0, .. "WEBP"u8], "no picture" },
    };

    [Theory]
    [MemberData(nameof(NotImages))]
    public void A_file_that_is_no_image_is_refused(string name, byte[] file, string expected) => AssertRefused(name, file, expected);

    public static TheoryData<string, byte[]> AbsurdSizes
    {
        get
        {
            var cases = new TheoryData<string, byte[]>();
            foreach ((int width, int height) in new[] { (0, 0), (0, 5), (5, 0), (65535, 65535), (20000, 20000) })
            {
                cases.Add($"JPEG {width}x{height}", Jpeg(width, height));
                cases.Add(
                    $"PNG {width}x{height}",
                    [
                        .. PngFiles.Signature, .. PngFiles.Header((uint)width, (uint)height), .. PngFiles.Chunk("IDAT", [1]),
                        .. PngFiles.Chunk("IEND", [])
                    ]);
                cases.Add($"BMP {width}x{height}", Bmp(width, height));
                cases.Add(
                    $"GIF {width}x{height}", [.. "GIF89a"u8, (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0, 0, 0]);
            }

            cases.Add(
                "PNG 2147483647x2147483647",
                [.. PngFiles.Signature, .. PngFiles.Header(int.MaxValue, int.MaxValue), .. PngFiles.Chunk("IEND", [])]);
            cases.Add(
                "PNG 4294967295x4294967295",
                [.. PngFiles.Signature, .. PngFiles.Header(uint.MaxValue, uint.MaxValue), .. PngFiles.Chunk("IEND", [])]);
            cases.Add("BMP 5x2147483648", Bmp(5, int.MinValue));
            cases.Add(
                "TIFF 65535x65535",
                [.. "II*\0"u8, 8, 0, 0, 0, 2, 0, 0, 1, 3, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 1, 3, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0, 0]);
            cases.Add("WEBP 16777216x16777216", WebPFiles.WithExif(new byte[12], 1 << 24, 1 << 24, []));
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(AbsurdSizes))]
    public void Absurd_size_is_refused_before_anything_is_allocated(string name, byte[] file)
    {
        string size = name.Split(' ')[1];
        long before = GC.GetAllocatedBytesForCurrentThread();
        AssertRefused(name, file, $"its header says {size}");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Limit_is_Pillows() => Assert.Equal(178_956_970, ImageHeader.MaxPixels);

    /// <summary>
    /// Every prefix of small files, and some hundred of the large ones: one passes for a picture only if it has every
    /// pixel.
    /// </summary>
    [Theory]
    [InlineData("rocket.jpg")]
    [InlineData("gray.jpg")]
    [InlineData("progressive_444.jpg")]
    [InlineData("exif_orientation6.jpg")]
    [InlineData("odd_422.jpg")]
    [InlineData("chelsea.png")]
    [InlineData("one_pixel.png")]
    [InlineData("tiny_5x7.png")]
    [InlineData("palette_transparent.png")]
    [InlineData("interlaced.png")]
    [InlineData("bilevel.png")]
    [InlineData("small.bmp")]
    public void Every_prefix_is_refused_unless_it_has_every_pixel(string name)
    {
        byte[] file = File.ReadAllBytes(Support.GoldenData.Image(name));
        // JPEG: all but the end-of-image marker. PNG: all but the chunks behind the data. BMP: all but the padding of 31 pixels.
        int complete = Path.GetExtension(name) switch { ".jpg" => file.Length - 2, ".png" => LastDataEnd(file), _ => file.Length - 3 };
        string format = Path.GetExtension(name) switch { ".jpg" => "JPEG", ".png" => "PNG", _ => "BMP" };
        int step = Math.Max(1, file.Length / 500);
        foreach (int length in Enumerable.Range(0, file.Length)
            .Where(length => length < 700 || length > file.Length - 50 || length % step == 0))
        {
            foreach (string decoder in Decoders)
            {
                DinoException? failure = null;
                try
                {
                    RgbImage whole = GoldenImages.Decoder(decoder).Decode(file.AsMemory(0, length), ExifOrientation.Apply);
                    GoldenImages.AssertSame(GoldenImages.Decoder(decoder).Decode(file, ExifOrientation.Apply), whole);
                    Assert.Contains("without its end", whole.Warning);
                    continue;
                }
                catch (DinoException refusal)
                {
                    failure = refusal;
                }

                Assert.True(length < complete, failure.Message);
                Assert.True(
                    failure.Message.StartsWith(
                        length < 8 ? "" : $"truncated {format}: the file ends after {length} bytes", StringComparison.Ordinal),
                    failure.Message);
            }
        }
    }

    [Fact]
    public void Every_prefix_of_WebP_is_refused()
    {
        foreach (byte[] file in new[] { WebPFiles.Lossless(PillowResizeTests.Noise(9, 14)),
            WebPFiles.Lossy(PillowResizeTests.Noise(40, 30)) })
        {
            for (int length = 0; length < file.Length; length++)
                Assert.Throws<ImageException>(() => GoldenImages.Decoder("skia").Decode(file.AsMemory(0, length), ExifOrientation.Apply));
        }
    }

    [Theory]
    [InlineData("IHDR")]
    [InlineData("PLTE")]
    [InlineData("IDAT")]
    public void Png_with_a_wrong_checksum_is_refused(string chunk)
    {
        byte[] file = GoldenImages.Of("palette_png").File;
        int type = file.AsSpan().IndexOf(Encoding.ASCII.GetBytes(chunk));
        int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(type - 4));
        file[type + 4 + length] ^= 1;
        AssertRefused(chunk, file, "");
    }

    [Fact]
    public void Png_with_too_few_rows_is_refused()
    {
        byte[] rows = PngFiles.Deflated(new byte[5 * (1 + 3 * 8)]);
        byte[] file = [.. PngFiles.Signature, .. PngFiles.Header(8, 8), .. PngFiles.Chunk("IDAT", rows), .. PngFiles.Chunk("IEND", [])];
        AssertRefused("5 of 8 rows", file, "");
    }

    /// <summary>zlib can ask for a dictionary, which no PNG has: that is neither damage nor an end to a decompressor.</summary>
    [Fact]
    public void Png_that_needs_a_dictionary_is_refused()
    {
        byte[] needs = [0x78, 0x20, 1, 2, 3, 4, 5, 6, 7, 8];
        byte[] data = [.. PngFiles.Signature, .. PngFiles.Header(8, 8), .. PngFiles.Chunk("IDAT", needs)];
        AssertRefused("with an end", [.. data, .. PngFiles.Chunk("IEND", [])], "");
        AssertRefused("without one", data, "truncated PNG");

        byte[] palette = GoldenImages.Of("palette_png").File;
        byte[] text = PngFiles.Chunk("zTXt", [.. "Raw profile type exif"u8, 0, 0, .. needs]);
        byte[] file = [.. palette[..33], .. text, .. palette[33..]];
        Assert.Equal(
            GoldenImages.Of("palette_png").Sha256Rgb,
            GoldenImages.Sha256(GoldenImages.Decoder("skia").Decode(file, ExifOrientation.Apply).Pixels));
    }

    /// <summary>Numbers of 64 bits are BigTIFF's: in an entry of TIFF they would reach behind it.</summary>
    [Fact]
    public void Tiff_with_a_long_number_at_its_end_is_refused()
    {
        byte[] file = [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0, 1, 16, 0, 1, 0, 0, 0, 8, 0, 0, 0];
        AssertRefused("LONG8", file, "");
    }

    [Fact]
    public void Bytes_after_the_end_do_no_harm()
    {
        foreach (string stem in new[] { "chelsea_png", "rocket_jpg" })
        {
            GoldenImage golden = GoldenImages.Of(stem);
            byte[] file = [.. golden.File, .. "left over"u8];
            Assert.Equal(golden.Sha256Rgb, GoldenImages.Sha256(GoldenImages.Decoder("skia").Decode(file, ExifOrientation.Apply).Pixels));
        }
    }

    [Fact]
    public void Stb_says_what_reads_WebP()
    {
        byte[] file = WebPFiles.Lossless(PillowResizeTests.Noise(3, 3));
        DinoException refusal = Assert.Throws<ImageException>(() => GoldenImages.Decoder("stb").Decode(file, ExifOrientation.Apply));
        Assert.Contains("WebP is not read", refusal.Message);
        Assert.Contains("Dino.Gpu.Data", refusal.Hint);
    }

    /// <summary>Restart intervals of which some are missing would look like a picture with gray bands.</summary>
    [Fact]
    public void Jpeg_with_restarts_and_without_end_is_refused()
    {
        byte[] file = File.ReadAllBytes(Support.GoldenData.PathOf("pillow", "jpeg_restart.jpg"));
        AssertRefused("no end", file[..^2], "truncated JPEG");
        AssertRefused("no last interval", file[..file.AsSpan().LastIndexOf((byte)0xFF)][..^40], "truncated JPEG");
    }

    /// <summary>
    /// Random damage either decodes to something of the header's size or is one <see cref="DinoException"/>, never
    /// another exception.
    /// </summary>
    [Theory]
    [InlineData("gray.jpg")]
    [InlineData("progressive_444.jpg")]
    [InlineData("odd_422.jpg")]
    [InlineData("palette_transparent.png")]
    [InlineData("interlaced.png")]
    [InlineData("gray_alpha.png")]
    [InlineData("small.bmp")]
    public void Random_damage_never_escapes(string name)
    {
        byte[] file = File.ReadAllBytes(Support.GoldenData.Image(name));
        var random = new Random(name.Length);
        for (int round = 0; round < 300; round++)
        {
            byte[] damaged = [.. file];
            for (int change = random.Next(1, 6); change > 0; change--)
                damaged[random.Next(round % 2 == 0 ? Math.Min(file.Length, 700) : file.Length)] = (byte)random.Next(256);
            foreach (string decoder in Decoders)
            {
                try
                {
                    RgbImage image = GoldenImages.Decoder(decoder).Decode(damaged, ExifOrientation.Ignore);
                    ImageHeader header = ImageHeader.Read(damaged);
                    Assert.Equal((header.Width, header.Height), (image.Width, image.Height));
                }
                catch (DinoException failure)
                {
                    Assert.DoesNotContain('\n', failure.Message);
                }
            }
        }
    }

    /// <summary>Where the last IDAT chunk ends.</summary>
    private static int LastDataEnd(byte[] png)
    {
        int type = png.AsSpan().LastIndexOf("IDAT"u8);
        return type + 4 + BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(type - 4)) + 4;
    }

    /// <summary>A JPEG that goes as far as the header of its frame.</summary>
    private static byte[] Frame(byte marker, byte bits, byte components) =>
        [0xFF, 0xD8, 0xFF, marker, 0, (byte)(8 + 3 * components), bits, 0, 8, 0, 8, components, .. new byte[3 * components], 0xFF, 0xD9];

    private static void AssertRefused(string name, byte[] file, string expected)
    {
        foreach (string decoder in Decoders)
        {
            var failure = Assert.Throws<ImageException>(() => GoldenImages.Decoder(decoder).Decode(file, ExifOrientation.Apply));
            Assert.True(failure.Message.Contains(expected, StringComparison.Ordinal), $"{decoder}, {name}: {failure.Message}");
            Assert.DoesNotContain('\n', failure.Message);
        }
    }

    /// <summary>A JPEG with nothing but a frame header, a scan header and the end.</summary>
    private static byte[] Jpeg(int width, int height) =>
    [
        0xFF, 0xD8,
        0xFF, 0xC0, 0, 11, 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0,
        0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0,
        0xFF, 0xD9,
    ];

    private static byte[] Bmp(int width, int height)
    {
        byte[] file = new byte[54];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), height);
        file[26] = 1;
        file[28] = 24;
        return file;
    }
}
