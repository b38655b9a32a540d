using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Tests.Support;

/// <summary>What made some vectors, for tests of what is recorded.</summary>
internal static class SampleProvenance
{
    /// <summary>That of ViT-S/16 with seeded weights.</summary>
    public static readonly Provenance One = new()
    {
        Version = "0.1.0",
        Weights = "synthetic:0x1",
        HiddenSize = 384,
        LayerCount = 12,
        HeadCount = 6,
        PatchSize = 16,
        LayerNormEpsilon = 1e-12,
        Preprocess = "hf",
        InputWidth = 224,
        InputHeight = 224,
        Interpolation = "size",
        Exif = "apply",
        Decoder = "skia",
        Output = "cls",
        Normalize = false,
        Precision = "fp32",
    };

    /// <summary>That of vectors of some length.</summary>
    public static Provenance Of(int dimension, string weights = "synthetic:0x1") => One with { HiddenSize = dimension, Weights = weights };
}
