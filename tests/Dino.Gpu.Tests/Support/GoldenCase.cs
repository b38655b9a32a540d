using System.Text.Json;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>One model case of the reference data: its input pixels and the position table it was made with.</summary>
internal sealed record GoldenCase(string Name, string Image, int Width, int Height, PositionInterpolation Interpolation)
{
    /// <summary>
    /// Every case of <c>Golden/model</c>. JPEG pictures come from the decoded PNG, so that no decoder stands between.
    /// </summary>
    public static IReadOnlyList<GoldenCase> All { get; } =
    [
        new("chelsea", "images/chelsea.png", 224, 224, PositionInterpolation.Size),
        new("rocket", "preprocess/rocket_jpg.bilinear224.png", 224, 224, PositionInterpolation.Size),
        new("rgba", "images/rgba.png", 224, 224, PositionInterpolation.Size),
        new("wide", "images/wide_2000x30.png", 224, 224, PositionInterpolation.Size),
        new("one_pixel", "images/one_pixel.png", 224, 224, PositionInterpolation.Size),
        new("gradient_noise", "preprocess/gradient_noise_420_jpg.bilinear224.png", 224, 224, PositionInterpolation.Size),
        new("chelsea_240x320_size", "images/chelsea.png", 320, 240, PositionInterpolation.Size),
        new("chelsea_240x320_scale", "images/chelsea.png", 320, 240, PositionInterpolation.Scale),
    ];

    public static GoldenCase Chelsea => All[0];

    public VitShape Shape => new(VitConfig.VitS16, Width, Height);

    public InputTables Tables(VitWeights weights) => InputTables.Of(weights, Shape, Interpolation);

    /// <summary>(height, width, 3) bytes, checked against the reference's own hash.</summary>
    public byte[] Pixels()
    {
        RgbImage decoded = new StbImageDecoder().Decode(File.ReadAllBytes(GoldenData.PathOf(Image.Split('/'))), ExifOrientation.Ignore);
        byte[] pixels = new Preprocessor(PreprocessPreset.HuggingFace, Width, Height).Apply(decoded).Pixels;
        using JsonDocument report = JsonDocument.Parse(File.ReadAllText(GoldenData.PathOf("report.json")));
        JsonElement entry = report.RootElement.GetProperty("cases").EnumerateArray().Single(
            one => one.GetProperty("case").GetString() == Name);
        Assert.Equal(
            entry.GetProperty("sha256_u8").GetString(), Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(pixels)));
        return pixels;
    }
}
