using Dino.Gpu.Imaging;

namespace Dino.Gpu.Model;

/// <summary>
/// What a Vision Transformer is made of and its sizes, taken from a checkpoint's tensors and its <c>config.json</c>.
/// What is not set is as in the original DINO.
/// </summary>
public sealed record VitConfig
{
    private readonly int? _defaultInputSize;

    /// <summary>The family that the model belongs to.</summary>
    public ModelKind Kind { get; init; }

    /// <summary>Columns of every token, 384 for ViT-S.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Transformer blocks, 12 for ViT-S.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Attention heads, 6 for ViT-S.</summary>
    public required int HeadCount { get; init; }

    /// <summary>
    /// Columns of the MLP's hidden layer, which is what its second layer reads: 1536 for ViT-S.
    /// </summary>
    public required int MlpSize { get; init; }

    /// <summary>Side of a square patch in pixels, 16 or 8.</summary>
    public required int PatchSize { get; init; }

    /// <summary>
    /// Side in patches of the square grid that the position table was trained on, 14 for 224 pixels at patch 16. A model
    /// without a table has that of its default input.
    /// </summary>
    public required int TrainedGrid { get; init; }

    /// <summary>
    /// Epsilon of every LayerNorm: <c>layer_norm_eps</c> of config.json. Without one it is 1e-12 for Hugging Face
    /// tensor names and 1e-6 for the original DINO names.
    /// </summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>
    /// Register tokens, which lie between the class token and the patches and have no position: 0 or 4.
    /// </summary>
    public int RegisterCount { get; init; }

    /// <summary>Whether a gain for each column is applied to what attention and the MLP add to the tokens.</summary>
    public bool HasLayerScale { get; init; }

    /// <summary>What the MLP computes.</summary>
    public MlpKind MlpKind { get; init; }

    /// <summary>How a token knows where its patch lies.</summary>
    public PositionKind PositionKind { get; init; }

    /// <summary>How the model's own code interpolates its position table.</summary>
    public PositionInterpolation DefaultInterpolation { get; init; }

    /// <summary>
    /// Side in pixels of the square input that the model is used with where nothing else is said;
    /// <see cref="TrainedImageSize"/>, but 224 for DINOv2, which was trained at 518.
    /// </summary>
    public int DefaultInputSize
    {
        get => _defaultInputSize ?? TrainedImageSize;
        init => _defaultInputSize = value;
    }

    /// <summary>
    /// What makes two configs equal: every public property. Whether the input's size was said or follows from the
    /// others makes no difference.
    /// </summary>
    private (
        (ModelKind, int, int, int, int, int, int) Sizes,
        (double, int, bool, MlpKind, PositionKind, PositionInterpolation, int) Parts) Key =>
        ((Kind, HiddenSize, LayerCount, HeadCount, MlpSize, PatchSize, TrainedGrid),
        (LayerNormEpsilon, RegisterCount, HasLayerScale, MlpKind, PositionKind, DefaultInterpolation, DefaultInputSize));

    /// <summary>Tokens before the first patch: the class token and the registers.</summary>
    public int PrefixTokenCount => 1 + RegisterCount;

    /// <summary>
    /// Rows of the MLP's first layer: <see cref="MlpSize"/>, and twice that where it holds a gate.
    /// </summary>
    public int Fc1Size => MlpKind == MlpKind.GatedSilu ? 2 * MlpSize : MlpSize;

    /// <summary>
    /// How the published models of the family make their input, for checkpoints that do not say; null for that of
    /// <see cref="PreprocessorConfig.Standard"/>.
    /// </summary>
    internal PreprocessorConfig? UsualPreprocessor => Kind switch
    {
        ModelKind.DinoV2 => new()
        {
            Resize = ResizeMode.ShorterSide,
            Filter = ResizeFilter.Bicubic,
            ResizeWidth = Preprocessor.WithMargin(DefaultInputSize),
            ResizeHeight = Preprocessor.WithMargin(DefaultInputSize),
            InputWidth = DefaultInputSize,
            InputHeight = DefaultInputSize,
        },
        ModelKind.DinoV3 => new() { KeepsFractions = true, InputWidth = DefaultInputSize, InputHeight = DefaultInputSize },
        _ => null,
    };

    /// <summary>Columns of one attention head.</summary>
    public int HeadSize => HiddenSize / HeadCount;

    /// <summary>Columns of a flattened patch: 3 channels of PatchSize x PatchSize pixels.</summary>
    public int PatchLength => 3 * PatchSize * PatchSize;

    /// <summary>Side in pixels of the square input of <see cref="TrainedGrid"/>, 224 for ViT-S/16.</summary>
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

    /// <summary>Whether every property has the same value.</summary>
    /// <param name="other">Another config.</param>
    public bool Equals(VitConfig? other) => other is not null && Key.Equals(other.Key);

    /// <inheritdoc/>
    public override int GetHashCode() => Key.GetHashCode();
}
