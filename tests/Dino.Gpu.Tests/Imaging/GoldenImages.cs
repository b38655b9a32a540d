using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>One entry of <c>preprocess.json</c>: what Pillow made of one picture.</summary>
internal sealed record GoldenImage(
    string Image,
    bool Upright,
    string Stem,
    int Width,
    int Height,
    [property: JsonPropertyName("exif_orientation")] int ExifOrientation,
    [property: JsonPropertyName("decoded_png")] bool DecodedPng,
    [property: JsonPropertyName("sha256_rgb")] string Sha256Rgb,
    [property: JsonPropertyName("sha256_bilinear224")] string Sha256Bilinear224,
    [property: JsonPropertyName("sha256_dino_eval224")] string Sha256DinoEval224)
{
    public ExifOrientation Orientation => Upright ? Gpu.Imaging.ExifOrientation.Apply : Gpu.Imaging.ExifOrientation.Ignore;

    public byte[] File => System.IO.File.ReadAllBytes(GoldenData.Image(Image));

    /// <summary>Pillow's own pixels, which for plain 8-bit RGB files are in the picture itself.</summary>
    public RgbImage Decoded =>
        GoldenImages.Png(DecodedPng ? GoldenData.PathOf("preprocess", $"{Stem}.decoded.png") : GoldenData.Image(Image));
}

internal static class GoldenImages
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    public static IReadOnlyList<GoldenImage> All { get; } =
        JsonSerializer.Deserialize<GoldenImage[]>(File.ReadAllBytes(GoldenData.PathOf("preprocess.json")), Options)!;

    public static GoldenImage Of(string stem) => All.Single(golden => golden.Stem == stem);

    public static IImageDecoder Decoder(string name) => ImageDecoders.Create(name);

    /// <summary>Reads a golden PNG, which both decoders do exactly.</summary>
    public static RgbImage Png(string path) => new StbImageDecoder().Decode(File.ReadAllBytes(path), ExifOrientation.Ignore);

    public static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Fails with the first differing byte, its place and both values, and how many differ.</summary>
    public static void AssertSame(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        if (expected.Pixels.AsSpan().SequenceEqual(actual.Pixels))
            return;
        int first = expected.Pixels.AsSpan().CommonPrefixLength(actual.Pixels);
        int differing = expected.Pixels.Zip(actual.Pixels).Count(pair => pair.First != pair.Second);
        int worst = expected.Pixels.Zip(actual.Pixels).Max(pair => Math.Abs(pair.First - pair.Second));
        int pixel = first / 3;
        Assert.Fail(
            $"{differing} of {expected.Pixels.Length} bytes differ, by {worst} at most; "
            + $"first at x {pixel % expected.Width}, y {pixel / expected.Width}, channel {first % 3}: "
            + $"expected {expected.Pixels[first]}, got {actual.Pixels[first]}");
    }
}
