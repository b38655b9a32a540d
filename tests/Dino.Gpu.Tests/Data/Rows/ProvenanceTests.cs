using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Rows;

public sealed class ProvenanceTests
{
    private static readonly Provenance One = SampleProvenance.One;

    /// <summary>Every property that moves an embedding far, each by itself.</summary>
    public static TheoryData<string, string> Differences => new()
    {
        { "weights", "weights synthetic:0x1 and synthetic:0x2" },
        { "hidden", "model hidden 384, 12 layers, 6 heads, patch 16, eps 1E-12 and hidden 768, 12 layers, 6 heads, patch 16, eps 1E-12" },
        { "layers", "model hidden 384, 12 layers, 6 heads, patch 16, eps 1E-12 and hidden 384, 11 layers, 6 heads, patch 16, eps 1E-12" },
        { "heads", "model hidden 384, 12 layers, 6 heads, patch 16, eps 1E-12 and hidden 384, 12 layers, 12 heads, patch 16, eps 1E-12" },
        { "patch", "model hidden 384, 12 layers, 6 heads, patch 16, eps 1E-12 and hidden 384, 12 layers, 6 heads, patch 8, eps 1E-12" },
        { "epsilon", "model hidden 384, 12 layers, 6 heads, patch 16, eps 1E-12 and hidden 384, 12 layers, 6 heads, patch 16, eps 1E-06" },
        { "preprocess", "preprocessing hf and dino" },
        { "width", "size 224x224 and 448x224" },
        { "height", "size 224x224 and 224x448" },
        { "interpolation", "interpolation size and scale" },
        { "output", "output cls and mean" },
    };

    [Theory]
    [MemberData(nameof(Differences))]
    public void A_property_that_moves_the_vectors_keeps_them_from_being_compared(string property, string expected)
    {
        Provenance other = property switch
        {
            "weights" => One with { Weights = "synthetic:0x2" },
            "hidden" => One with { HiddenSize = 768 },
            "layers" => One with { LayerCount = 11 },
            "heads" => One with { HeadCount = 12 },
            "patch" => One with { PatchSize = 8 },
            "epsilon" => One with { LayerNormEpsilon = 1e-6 },
            "preprocess" => One with { Preprocess = "dino" },
            "width" => One with { InputWidth = 448 },
            "height" => One with { InputHeight = 448 },
            "interpolation" => One with { Interpolation = "scale" },
            _ => One with { Output = "mean" },
        };
        Assert.Equal(expected, other.DifferenceFrom(One));
    }

    [Fact]
    public void What_moves_vectors_by_less_than_pictures_differ_can_be_compared() =>
        Assert.Null(
            (One with { Version = "9", Decoder = "stb", Precision = "bf16", Exif = "ignore", Normalize = true }).DifferenceFrom(One));

    [Fact]
    public void What_vectors_do_not_share_is_mixed()
    {
        Assert.Equal(One, One.JoinedWith(One));
        Assert.Empty(One.Differences);
        Provenance other = One with { Version = "9", Decoder = "stb", Precision = "bf16", Exif = "ignore", Normalize = true };
        Provenance all = One with { Version = "mixed", Decoder = "mixed", Precision = "mixed", Exif = "mixed" };
        Assert.Equal(all, One.JoinedWith(other));
        Assert.Equal(all, other.JoinedWith(One));
        Assert.Equal(all, all.JoinedWith(One));
        Assert.Equal(["precision", "EXIF orientation", "decoder", "version"], all.Differences);
        Assert.Equal(all, Provenance.FromJson(all.ToJson()));
        Provenance fast = (One with { Decoder = "skia-fast" }).JoinedWith(One with { Decoder = "stb-fast" });
        Assert.Equal(("mixed-fast", "fast", "decoder"), (fast.Decoder, fast.DecodeMode, fast.Differences.Single()));
        Assert.True((One with { Normalize = true }).JoinedWith(One with { Normalize = true }).Normalize);
    }

    [Fact]
    public void Json_keeps_every_property() => Assert.Equal(One, Provenance.FromJson(One.ToJson()));

    [Fact]
    public void What_earlier_versions_wrote_is_read()
    {
        const string Old = """
            {"weights":"synthetic:0x1","model":"hidden 384, 12 layers, 6 heads, patch 16, eps 1E-12","preprocess":"hf","size":"224x224",
             "interpolation":"size","exif":"apply","decoder":"skia","pooling":"cls","precision":"fp32"}
            """;
        Assert.Equal(One with { Version = "" }, Provenance.FromJson(Encoding.UTF8.GetBytes(Old)));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("3")]
    [InlineData("{}")]
    [InlineData("{\"model\":\"hidden\",\"pooling\":\"cls\"}")]
    [InlineData("{\"model\":3,\"pooling\":\"cls\",\"size\":\"224x224\"}")]
    [InlineData("{\"weights\":\"x\",\"weights\":\"y\"}")]
    public void Anything_else_is_said_to_be_damaged(string json) =>
        Assert.ThrowsAny<JsonException>(() => Provenance.FromJson(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void A_size_smaller_than_a_patch_is_damaged() =>
        Assert.ThrowsAny<JsonException>(() => Provenance.FromJson((One with { InputWidth = 3 }).ToJson()));
}
