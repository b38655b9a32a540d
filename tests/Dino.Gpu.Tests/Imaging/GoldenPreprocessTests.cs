using System.Runtime.InteropServices;
using System.Text.Json;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>
/// Decoding, resizing and normalizing against Pillow, torchvision and Hugging Face's processor, byte for byte.
/// </summary>
public sealed class GoldenPreprocessTests
{
    public static TheoryData<string> Stems => [.. GoldenImages.All.Select(golden => golden.Stem)];

    /// <summary>Every decoder with every picture, but 16-bit gray, which Pillow clips.</summary>
    public static TheoryData<string, string> ExactDecodes
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (GoldenImage golden in GoldenImages.All.Where(golden => golden.Image != "gray16.png"))
            {
                cases.Add("skia", golden.Stem);
                cases.Add("stb", golden.Stem);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(ExactDecodes))]
    public void Decoded_file_equals_Pillow(string decoder, string stem)
    {
        GoldenImage golden = GoldenImages.Of(stem);
        RgbImage image = GoldenImages.Decoder(decoder).Decode(golden.File, golden.Orientation);
        GoldenImages.AssertSame(golden.Decoded, image);
        Assert.Equal(golden.Sha256Rgb, GoldenImages.Sha256(image.Pixels));
    }

    [Theory]
    [MemberData(nameof(ExactDecodes))]
    public void Prepared_file_equals_Pillow(string decoder, string stem)
    {
        GoldenImage golden = GoldenImages.Of(stem);
        RgbImage image = GoldenImages.Decoder(decoder).Decode(golden.File, golden.Orientation);
        Assert.Equal(
            golden.Sha256Bilinear224, GoldenImages.Sha256(new Preprocessor(PreprocessPreset.HuggingFace, 224, 224).Apply(image).Pixels));
        Assert.Equal(golden.Sha256DinoEval224, GoldenImages.Sha256(new Preprocessor(PreprocessPreset.Dino, 224, 224).Apply(image).Pixels));
    }

    [Theory]
    [MemberData(nameof(Stems))]
    public void Squashing_decoded_pixels_equals_Pillow(string stem)
    {
        GoldenImage golden = GoldenImages.Of(stem);
        RgbImage image = new Preprocessor(PreprocessPreset.HuggingFace, 224, 224).Apply(golden.Decoded);
        GoldenImages.AssertSame(GoldenImages.Png(GoldenData.PathOf("preprocess", $"{stem}.bilinear224.png")), image);
        Assert.Equal(golden.Sha256Bilinear224, GoldenImages.Sha256(image.Pixels));
    }

    [Theory]
    [MemberData(nameof(Stems))]
    public void Original_evaluation_of_decoded_pixels_equals_torchvision(string stem)
    {
        GoldenImage golden = GoldenImages.Of(stem);
        RgbImage image = new Preprocessor(PreprocessPreset.Dino, 224, 224).Apply(golden.Decoded);
        GoldenImages.AssertSame(GoldenImages.Png(GoldenData.PathOf("preprocess", $"{stem}.dino_eval224.png")), image);
        Assert.Equal(golden.Sha256DinoEval224, GoldenImages.Sha256(image.Pixels));
    }

    /// <summary>Both decoders agree on the high byte of 16-bit gray, where Pillow clips.</summary>
    [Theory]
    [InlineData("skia")]
    [InlineData("stb")]
    public void Gray_of_16_bits_keeps_the_high_byte(string decoder)
    {
        RgbImage image = GoldenImages.Decoder(decoder).Decode(GoldenImages.Of("gray16_png").File, ExifOrientation.Apply);
        ushort[] stored = PngFiles.Gray16(GoldenImages.Of("gray16_png").File);
        byte[] expected = [.. stored.SelectMany(value => Enumerable.Repeat((byte)(value >> 8), 3))];
        GoldenImages.AssertSame(new RgbImage(101, 67, expected), image);
    }

    public static TheoryData<string> ModelCases
    {
        get
        {
            using JsonDocument report = Report();
            return [.. report.RootElement.GetProperty("cases").EnumerateArray().Select(model => model.GetProperty("case").GetString()!)];
        }
    }

    /// <summary>
    /// The model's input in each golden case: bytes and float32 planes have the SHA-256 of the reference, at 224x224
    /// and 240x320.
    /// </summary>
    [Theory]
    [MemberData(nameof(ModelCases))]
    public void Pixel_values_equal_the_processor(string name)
    {
        using JsonDocument report = Report();
        JsonElement model = report.RootElement.GetProperty("cases").EnumerateArray().Single(
            model => model.GetProperty("case").GetString() == name);
        GoldenImage golden = GoldenImages.All.Single(golden => golden.Image == model.GetProperty("image").GetString() && !golden.Upright);
        RgbImage image = new Preprocessor(
            PreprocessPreset.HuggingFace,
            model.GetProperty("width").GetInt32(),
            model.GetProperty("height").GetInt32()).Apply(golden.Decoded);
        Assert.Equal(model.GetProperty("sha256_u8").GetString(), GoldenImages.Sha256(image.Pixels));
        float[] planes = PixelNormalization.Normalize(image);
        Assert.Equal(model.GetProperty("sha256_pixel_values").GetString(), GoldenImages.Sha256(MemoryMarshal.AsBytes(planes.AsSpan())));
    }

    private static JsonDocument Report() => JsonDocument.Parse(File.ReadAllBytes(GoldenData.PathOf("report.json")));
}
