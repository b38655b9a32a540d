using Dino.Gpu.Imaging;

namespace Dino.Gpu.Model;

/// <summary>
/// A checkpoint in host memory, in float32 and row-major. Linear weights are (outputs, inputs). Query, key and value
/// are fused into one matrix.
/// </summary>
public sealed class VitWeights
{
    /// <summary>The sizes in the shapes below.</summary>
    public required VitConfig Config { get; init; }

    /// <summary>
    /// How pictures become the model's input; null where the checkpoint does not say, which means
    /// <see cref="PreprocessorConfig.Standard"/>.
    /// </summary>
    public PreprocessorConfig? Preprocessor { get; init; }

    /// <summary>
    /// What was noticed while they were loaded, a line each: keys of the checkpoint that are outside the model.
    /// </summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>(hidden)</summary>
    public required float[] ClassToken { get; init; }

    /// <summary>(1 + grid * grid, hidden), the class token's position first; empty for a model with RoPE.</summary>
    public required float[] Positions { get; init; }

    /// <summary>(registers, hidden); empty where there are none.</summary>
    public float[] Registers { get; init; } = [];

    /// <summary>
    /// (head size / 4): the periods of RoPE, in units of half a side of the picture; empty for a model with a table of
    /// positions. As the checkpoint says, or 100^(4 i / head size) where it does not.
    /// </summary>
    public float[] RotaryPeriods { get; init; } = [];

    /// <summary>
    /// Patch embedding: weight (hidden, 3 * patch * patch), channel-major as a flattened convolution kernel, and bias
    /// (hidden).
    /// </summary>
    public required LinearWeights PatchEmbedding { get; init; }

    /// <summary>The transformer blocks, in order.</summary>
    public required IReadOnlyList<BlockWeights> Blocks { get; init; }

    /// <summary>The final LayerNorm.</summary>
    public required NormWeights Norm { get; init; }

    /// <summary>Allocates arrays of the right sizes for the caller to fill. Their content is undefined.</summary>
    internal static VitWeights Allocate(VitConfig config, PreprocessorConfig? preprocessor = null, IReadOnlyList<string>? notes = null)
    {
        int hidden = config.HiddenSize;
        return new VitWeights
        {
            Config = config,
            Preprocessor = preprocessor,
            Notes = notes ?? [],
            ClassToken = Uninitialized(hidden),
            Positions = Uninitialized(
                config.PositionKind == PositionKind.Table ? (1 + config.TrainedGrid * config.TrainedGrid) * hidden : 0),
            Registers = Uninitialized(config.RegisterCount * hidden),
            RotaryPeriods = config.PositionKind == PositionKind.Rotary ? RopePeriods.Of(config.HeadSize) : [],
            PatchEmbedding = Linear(hidden, config.PatchLength),
            Blocks = [.. Enumerable.Range(0, config.LayerCount).Select(_ => new BlockWeights
            {
                Norm1 = NormOf(hidden),
                Qkv = Linear(3 * hidden, hidden),
                Projection = Linear(hidden, hidden),
                LayerScale1 = config.HasLayerScale ? Uninitialized(hidden) : null,
                Norm2 = NormOf(hidden),
                Fc1 = Linear(config.Fc1Size, hidden),
                Fc2 = Linear(hidden, config.MlpSize),
                LayerScale2 = config.HasLayerScale ? Uninitialized(hidden) : null,
            })],
            Norm = NormOf(hidden),
        };
    }

    /// <summary>The same arrays with another word on pictures.</summary>
    internal VitWeights With(PreprocessorConfig? preprocessor) => With(Config, preprocessor, Blocks);

    /// <summary>The same arrays with other blocks.</summary>
    internal VitWeights With(IReadOnlyList<BlockWeights> blocks) => With(Config, Preprocessor, blocks);

    /// <summary>
    /// The same model without LayerScale: gamma * (W x + b) = (gamma W) x + gamma b, so each gain goes into the row of
    /// the projection or of Fc2 that it scales. Rounds each product to float32 once.
    /// </summary>
    /// <returns>This itself where there is no LayerScale.</returns>
    internal VitWeights FoldLayerScale()
    {
        if (!Config.HasLayerScale)
            return this;
        var blocks = new BlockWeights[Blocks.Count];
        Parallel.For(0, blocks.Length, layer => blocks[layer] = Blocks[layer].FoldLayerScale());
        return With(Config with { HasLayerScale = false }, Preprocessor, blocks);
    }

    private VitWeights With(VitConfig config, PreprocessorConfig? preprocessor, IReadOnlyList<BlockWeights> blocks) => new()
    {
        Config = config,
        Preprocessor = preprocessor,
        Notes = Notes,
        ClassToken = ClassToken,
        Positions = Positions,
        Registers = Registers,
        RotaryPeriods = RotaryPeriods,
        PatchEmbedding = PatchEmbedding,
        Blocks = blocks,
        Norm = Norm,
    };

    /// <summary>(3, 256): the value of every byte in every channel, by <see cref="PixelNormalization"/>.</summary>
    internal float[] PixelTable() => PixelNormalization.CreateTable(Preprocessor ?? PreprocessorConfig.Standard);

    private static LinearWeights Linear(int outputs, int inputs) => new(Uninitialized(outputs * inputs), Uninitialized(outputs));

    private static NormWeights NormOf(int hidden) => new(Uninitialized(hidden), Uninitialized(hidden));

    private static float[] Uninitialized(int length) => GC.AllocateUninitializedArray<float>(length);
}

/// <summary>One transformer block.</summary>
public sealed class BlockWeights
{
    /// <summary>LayerNorm before attention.</summary>
    public required NormWeights Norm1 { get; init; }

    /// <summary>(3 * hidden, hidden): the query rows, then key, then value.</summary>
    public required LinearWeights Qkv { get; init; }

    /// <summary>(hidden, hidden): the attention's output projection.</summary>
    public required LinearWeights Projection { get; init; }

    /// <summary>(hidden): the gains of what attention adds to the tokens; null without LayerScale.</summary>
    public float[]? LayerScale1 { get; init; }

    /// <summary>LayerNorm before the MLP.</summary>
    public required NormWeights Norm2 { get; init; }

    /// <summary>
    /// (mlp, hidden): the MLP's first layer. With a gate (2 * mlp, hidden): the gate's rows, then the others.
    /// </summary>
    public required LinearWeights Fc1 { get; init; }

    /// <summary>(hidden, mlp): the MLP's second layer.</summary>
    public required LinearWeights Fc2 { get; init; }

    /// <summary>(hidden): the gains of what the MLP adds to the tokens; null without LayerScale.</summary>
    public float[]? LayerScale2 { get; init; }

    /// <inheritdoc cref="VitWeights.FoldLayerScale"/>
    internal BlockWeights FoldLayerScale() => new()
    {
        Norm1 = Norm1,
        Qkv = Qkv,
        Projection = Projection.ScaleRows(LayerScale1),
        Norm2 = Norm2,
        Fc1 = Fc1,
        Fc2 = Fc2.ScaleRows(LayerScale2),
    };
}

/// <summary>y = x W^T + b, with Weight (outputs, inputs) row-major and Bias (outputs).</summary>
public sealed record LinearWeights(float[] Weight, float[] Bias)
{
    /// <summary>Rows of the weight, columns of the result.</summary>
    public int Outputs => Bias.Length;

    /// <summary>Columns of the weight and of the input.</summary>
    public int Inputs => Weight.Length / Bias.Length;

    /// <summary>The layer whose outputs are scaled, one gain each; this itself where the gains are null.</summary>
    internal LinearWeights ScaleRows(float[]? gains)
    {
        if (gains is null)
            return this;
        float[] weight = GC.AllocateUninitializedArray<float>(Weight.Length);
        float[] bias = GC.AllocateUninitializedArray<float>(Bias.Length);
        for (int row = 0; row < Outputs; row++)
        {
            bias[row] = gains[row] * Bias[row];
            for (int i = row * Inputs; i < (row + 1) * Inputs; i++)
                weight[i] = gains[row] * Weight[i];
        }

        return new LinearWeights(weight, bias);
    }
}

/// <summary>Scale and shift of a LayerNorm, (hidden) each.</summary>
public sealed record NormWeights(float[] Weight, float[] Bias);
