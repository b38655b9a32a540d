using System.Text.Json;
using System.Text.Json.Serialization;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>
/// Small files of every kind, written by <c>Golden/pillow/make.py</c>, against what Pillow 9.4 makes of them.
/// </summary>
public sealed class PillowFileTests
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    private static readonly Dictionary<string, PillowFile> All =
        JsonSerializer.Deserialize<PillowFiles>(
            File.ReadAllBytes(GoldenData.PathOf("pillow", "pillow.json")), Options)!.Files.ToDictionary(file => file.File);

    public static TheoryData<string> Names => [.. All.Keys];

    public static TheoryData<string> Managed => [.. All.Keys.Where(name => !name.StartsWith("tiff_", StringComparison.Ordinal))];

    public static TheoryData<string> Tiffs => [.. All.Keys.Where(name => name.StartsWith("tiff_", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Exact_decoder_equals_Pillow(string name) => AssertSame(name, new SkiaImageDecoder());

    [Theory]
    [MemberData(nameof(Managed))]
    public void Managed_decoder_equals_Pillow(string name) => AssertSame(name, new StbImageDecoder());

    [Theory]
    [MemberData(nameof(Tiffs))]
    public void Managed_decoder_says_what_reads_TIFF(string name)
    {
        DinoException refusal = Assert.Throws<ImageException>(() => new StbImageDecoder().Decode(Bytes(name), ExifOrientation.Apply));
        Assert.Contains("Dino.Gpu.Data", refusal.Hint);
    }

    /// <summary>Damage anywhere in such a file is one line, or a picture of the header's size.</summary>
    [Theory]
    [InlineData("bmp_rle8_delta.bmp")]
    [InlineData("bmp_rle4.bmp")]
    [InlineData("bmp_565_v5.bmp")]
    [InlineData("bmp_12_4bit.bmp")]
    [InlineData("gif_smaller_local_transparent.gif")]
    [InlineData("ico_largest.ico")]
    [InlineData("ico_png.ico")]
    [InlineData("tiff_tiles_lzw_predictor.tif")]
    [InlineData("tiff_strips_jpeg.tif")]
    [InlineData("tiff_bilevel_group4.tif")]
    [InlineData("tiff_bigtiff.tif")]
    [InlineData("tiff_ycbcr_2x2.tif")]
    [InlineData("tiff_ycbcr_strips.tif")]
    [InlineData("tiff_jpeg_rgba.tif")]
    [InlineData("tiff_separate_tiles_jpeg.tif")]
    [InlineData("tiff_palette.tif")]
    [InlineData("png_raw_exif_ztxt.png")]
    [InlineData("jpeg_progressive_without_end.jpg")]
    [InlineData("jpeg_progressive_restart.jpg")]
    [InlineData("jpeg_mixed1.jpg")]
    [InlineData("jpeg_ycck_2.jpg")]
    [InlineData("png_type3_4bit_interlaced.png")]
    public void Random_damage_never_escapes(string name)
    {
        foreach (IImageDecoder decoder in new IImageDecoder[]
            { new SkiaImageDecoder { MaxPixels = 1_000_000 }, new StbImageDecoder { MaxPixels = 1_000_000 } })
            Damage(name, decoder);
    }

    private static void Damage(string name, IImageDecoder decoder)
    {
        byte[] file = Bytes(name);
        var random = new Random(name.Length);
        for (int round = 0; round < 200; round++)
        {
            byte[] damaged = round % 5 == 4 ? file[..random.Next(file.Length)] : [.. file];
            for (int change = random.Next(1, 6); change > 0 && damaged.Length > 0; change--)
                damaged[random.Next(round % 2 == 0 ? Math.Min(damaged.Length, 300) : damaged.Length)] = (byte)random.Next(256);
            try
            {
                RgbImage image = decoder.Decode(damaged, ExifOrientation.Ignore);
                ImageHeader header = ImageHeader.Read(damaged);
                Assert.Equal((header.Width, header.Height), (image.Width, image.Height));
            }
            catch (DinoException failure)
            {
                Assert.DoesNotContain('\n', failure.Message);
                Assert.InRange(failure.Message.Length, 1, 300);
            }
        }
    }

    [Theory]
    [InlineData("tiff_rgb_raw.tif")]
    [InlineData("tiff_tiles_jpeg.tif")]
    [InlineData("tiff_bilevel_group4.tif")]
    [InlineData("ico_24bit.ico")]
    [InlineData("ico_png.ico")]
    [InlineData("gif_interlaced.gif")]
    [InlineData("bmp_rle8.bmp")]
    public void Half_a_file_is_refused(string name)
    {
        byte[] file = Bytes(name);
        for (int part = 1; part < 8; part++)
            Assert.Throws<ImageException>(
                () => new SkiaImageDecoder().Decode(file.AsMemory(0, file.Length * part / 8), ExifOrientation.Apply));
    }

    private static byte[] Bytes(string name) => File.ReadAllBytes(GoldenData.PathOf("pillow", name));

    private static void AssertSame(string name, IImageDecoder decoder)
    {
        PillowFile golden = All[name];
        byte[] file = Bytes(name);
        if (golden.Note == "refused")
        {
            Assert.Contains(
                "not supported (expected", Assert.Throws<ImageException>(() => decoder.Decode(file, ExifOrientation.Apply)).Message);
            return;
        }

        RgbImage stored = decoder.Decode(file, ExifOrientation.Ignore);
        Assert.Equal((golden.Width, golden.Height), (stored.Width, stored.Height));
        Assert.Equal(golden.Sha256Rgb, GoldenImages.Sha256(stored.Pixels));
        Assert.Equal(golden.Orientation, ImageHeader.Read(file).Orientation);
        RgbImage upright = decoder.Decode(file, ExifOrientation.Apply);
        Assert.Equal(golden.Sha256Upright, GoldenImages.Sha256(upright.Pixels));
        Assert.Equal(golden.Note == "LacksEnd", upright.Warning is not null);
    }

    private sealed record PillowFiles(PillowFile[] Files);

    private sealed record PillowFile(
        string File,
        int Width,
        int Height,
        int Orientation,
        [property: JsonPropertyName("sha256_rgb")] string Sha256Rgb,
        [property: JsonPropertyName("sha256_upright")] string Sha256Upright,
        string? Note);
}
