namespace Dino.Gpu.Model;

/// <summary>
/// The sizes of a Vision Transformer, taken from a checkpoint's tensor shapes and its <c>config.json</c>.
/// </summary>
public sealed record VitConfig
{
    /// <summary>Columns of every token, 384 for ViT-S.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Transformer blocks, 12 for ViT-S.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Attention heads, 6 for ViT-S.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Columns of the MLP's hidden layer, 1536 for ViT-S.</summary>
    public required int MlpSize { get; init; }

    /// <summary>Side of a square patch in pixels, 16 or 8.</summary>
    public required int PatchSize { get; init; }

    /// <summary>
    /// Side in patches of the square grid that the position table was trained on, 14 for 224 pixels at patch 16.
    /// </summary>
    public required int TrainedGrid { get; init; }

    /// <summary>
    /// Epsilon of every LayerNorm: <c>layer_norm_eps</c> of config.json. Without one it is 1e-12 for Hugging Face
    /// tensor names and 1e-6 for the original DINO names.
    /// </summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Columns of one attention head.</summary>
    public int HeadSize => HiddenSize / HeadCount;

    /// <summary>Columns of a flattened patch: 3 channels of PatchSize x PatchSize pixels.</summary>
    public int PatchLength => 3 * PatchSize * PatchSize;

    /// <summary>Side in pixels of the square input that the model was trained on, 224 for ViT-S/16.</summary>
    public int TrainedImageSize => TrainedGrid * PatchSize;

    /// <summary>DINO ViT-S/16, <c>facebook/dino-vits16</c>.</summary>
    public static VitConfig VitS16 { get; } = new()
    {
        HiddenSize = 384,
        LayerCount = 12,
        HeadCount = 6,
        MlpSize = 1536,
        PatchSize = 16,
        TrainedGrid = 14,
        LayerNormEpsilon = 1e-12,
    };
}
