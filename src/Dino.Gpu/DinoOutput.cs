namespace Dino.Gpu;

/// <summary>
/// What <see cref="DinoEncoder.Forward(Imaging.RgbImage, DinoOutputs)"/> returns; combine as needed. Asking for the
/// class token alone is fastest.
/// </summary>
[Flags]
public enum DinoOutputs
{
    /// <summary>The embedding: the class token after the final LayerNorm.</summary>
    ClassToken = 1,

    /// <summary>Every token after the final LayerNorm.</summary>
    LastHiddenState = 2,

    /// <summary>The patch tokens after the final LayerNorm, as a grid.</summary>
    PatchGrid = 4,

    /// <summary>
    /// The residual stream before the first block and after each block, or after those that the call names, before the
    /// final LayerNorm.
    /// </summary>
    HiddenStates = 8,

    /// <summary>Attention probabilities of every layer, or of those that the call names.</summary>
    Attentions = 16,

    /// <summary>
    /// The class token's row of the attention probabilities of every layer, or of those that the call names: DINO's
    /// attention maps. It takes memory for the tokens and not for their square, and the last layer's costs next to
    /// nothing.
    /// </summary>
    ClassAttentions = 32,

    /// <summary>
    /// Every token after each block, or after those that the call names, through the final LayerNorm:
    /// <c>get_intermediate_layers</c> of the original.
    /// </summary>
    IntermediateLayers = 64,

    /// <summary>The class tokens of <see cref="IntermediateLayers"/> alone, at next to no cost.</summary>
    LayerClassTokens = 128,

    /// <summary>
    /// The attention's queries of every token in every layer, or in those that the call names. With these, keys, values
    /// or attention, a pass of another precision than float32 computes all its attention in float32.
    /// </summary>
    Queries = 256,

    /// <summary>
    /// The attention's keys, as <see cref="Queries"/>. In float32, those of the last layer cost next to nothing.
    /// </summary>
    Keys = 512,

    /// <summary>The attention's values, as <see cref="Keys"/>.</summary>
    Values = 1024,

    /// <summary>
    /// The class token's row of the attention rollout over all layers (Abnar and Zuidema 2020): the product of the
    /// layers' attention, meant over the heads, each mixed half and half with the identity for the residual connection.
    /// </summary>
    AttentionRollout = 2048,
}

/// <summary>A float32 array with its shape, row-major.</summary>
public sealed class DinoTensor
{
    /// <summary>Wraps data without copying it.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the data's length.</exception>
    public DinoTensor(float[] data, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(shape);
        long length = 1;
        foreach (int side in shape)
            length *= side;
        if (length != data.LongLength)
            throw new ArgumentException(
                $"Shape ({string.Join(", ", shape)}) has {length} values, the data {data.LongLength}.", nameof(shape));
        Data = data;
        Shape = shape;
    }

    /// <summary>The values, row-major.</summary>
    public float[] Data { get; }

    /// <summary>Sizes, outermost first.</summary>
    public IReadOnlyList<int> Shape { get; }
}

/// <summary>The outputs of a forward pass; null where not asked for.</summary>
public sealed record DinoOutput
{
    /// <summary>(images, hidden)</summary>
    public DinoTensor? ClassToken { get; init; }

    /// <summary>(images, tokens, hidden), the class token first.</summary>
    public DinoTensor? LastHiddenState { get; init; }

    /// <summary>(images, grid height, grid width, hidden)</summary>
    public DinoTensor? PatchGrid { get; init; }

    /// <summary>(states kept, images, tokens, hidden); of all, layers + 1.</summary>
    public DinoTensor? HiddenStates { get; init; }

    /// <summary>(layers kept, images, tokens, hidden), the class token first.</summary>
    public DinoTensor? IntermediateLayers { get; init; }

    /// <summary>(layers kept, images, hidden)</summary>
    public DinoTensor? LayerClassTokens { get; init; }

    /// <summary>
    /// (layers kept, images, tokens, hidden), the heads side by side, as object discovery on DINO's keys (LOST,
    /// TokenCut) takes them; head h has the columns from h * head size on. With the projection's bias, not scaled.
    /// </summary>
    public DinoTensor? Queries { get; init; }

    /// <summary>(layers kept, images, tokens, hidden), as <see cref="Queries"/>.</summary>
    public DinoTensor? Keys { get; init; }

    /// <summary>(layers kept, images, tokens, hidden), as <see cref="Queries"/>.</summary>
    public DinoTensor? Values { get; init; }

    /// <summary>(layers kept, images, heads, tokens, tokens); rows are queries and sum to 1.</summary>
    public DinoTensor? Attentions { get; init; }

    /// <summary>
    /// (layers kept, images, heads, tokens): how much the class token looks at each token, itself first; sums to 1 over
    /// the tokens.
    /// </summary>
    public DinoTensor? ClassAttentions { get; init; }

    /// <summary>
    /// (images, tokens): how much of each token, the class token first, is in the class token at the end; sums to 1.
    /// </summary>
    public DinoTensor? AttentionRollout { get; init; }
}
