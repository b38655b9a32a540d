using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Where each weight is in the one weight buffer of the SIMD family, in floats. A matrix (outputs, inputs) is cut into
/// sections of 384 outputs by 384 inputs, outputs first. A section is a sequence of panels (inputs, width); the width
/// is two vectors. Query, key and value are separate matrices. Vectors are padded to whole blocks. All places are
/// arithmetic, so a kernel can compute them.
/// </summary>
internal readonly struct WeightLayout
{
    private readonly int _hidden;
    private readonly int _mlp;
    private readonly int _fc1;
    private readonly int _patchLength;
    private readonly int _layers;
    private readonly int _hasSections;

    /// <param name="shape">The model's sizes.</param>
    /// <param name="width">Columns of a panel.</param>
    /// <param name="hasSections">
    /// Whether matrices other than the patch embedding are here. If not, only their biases are: their products are in a
    /// reduced precision.
    /// </param>
    public WeightLayout(in VitShape shape, int width, bool hasSections = true)
    {
        _hasSections = hasSections ? 1 : 0; // an int, because kernels take no bool
        _hidden = shape.HiddenSize;
        _mlp = shape.MlpSize;
        _fc1 = shape.MlpKind == MlpKind.GatedSilu ? VitShape.GatedRows(_mlp, width / 2) : _mlp;
        _patchLength = shape.PatchLength;
        _layers = shape.LayerCount;
        Width = width;
    }

    /// <summary>Columns of a panel.</summary>
    public int Width { get; }

    /// <summary>Whether matrices other than the patch embedding are here.</summary>
    public bool HasSections => _hasSections != 0;

    /// <summary>
    /// Rows of the MLP's first layer. A gated one has a vector of gate rows and a vector of up rows in each panel; the
    /// last panel is filled up with zeros.
    /// </summary>
    public int Fc1Rows => _fc1;

    /// <summary>Floats of the whole buffer.</summary>
    public long Length => LayerStart(_layers) + NormSize;

    private long NormSize => 2 * PaddedToBlocks(_hidden);

    private long LayerSize =>
        2 * NormSize + 4 * MatrixSize(_hidden, _hidden) + MatrixSize(_fc1, _hidden) + MatrixSize(_hidden, _mlp);

    public static long PaddedToBlocks(int columns) => (long)Gemm.Blocks(columns) * Gemm.BlockSize;

    /// <summary>The weight of a LayerNorm. Its bias is <see cref="PaddedToBlocks"/>(hidden) floats after it.</summary>
    public long NormWeight(Norm norm, int layer) => norm switch
    {
        Norm.BeforeAttention => LayerStart(layer),
        Norm.BeforeMlp => LayerStart(layer) + NormSize + 4 * MatrixSize(_hidden, _hidden),
        _ => LayerStart(_layers),
    };

    /// <summary>
    /// The bias of a linear layer, padded to blocks, followed by its sections. Qkv has no place of its own: it is Query
    /// and KeyValue.
    /// </summary>
    public long LinearStart(Linear linear, int layer)
    {
        long square = MatrixSize(_hidden, _hidden);
        long attention = LayerStart(layer) + NormSize;
        return linear switch
        {
            Linear.PatchEmbedding => 0,
            Linear.Query => attention,
            Linear.KeyValue => attention + square, // key, then value
            Linear.Projection => attention + 3 * square,
            Linear.Fc1 => attention + 4 * square + NormSize,
            Linear.Fc2 => attention + 4 * square + NormSize + MatrixSize(_fc1, _hidden),
            _ => throw new ArgumentOutOfRangeException(nameof(linear)),
        };
    }

    /// <summary>Floats of the bias and sections of one matrix of a layer.</summary>
    public long MatrixSize(int outputs, int inputs) => PaddedToBlocks(outputs) + (HasSections ? SectionSize(outputs, inputs) : 0);

    private long SectionSize(int outputs, int inputs) => PaddedToPanels(outputs) * inputs;

    private long PaddedToPanels(int outputs) => (outputs + Width - 1) / Width * (long)Width;

    private long LayerStart(int layer) =>
        PaddedToBlocks(_hidden) + SectionSize(_hidden, _patchLength) + layer * LayerSize;
}
