namespace Dino.Gpu;

/// <summary>
/// The outputs that <see cref="IDinoEncoder.ForwardPrepared"/> can return, as flags. The class
/// token alone is the fastest.
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
    /// The residual stream before the first block and after each block, before the final LayerNorm. The call can name
    /// the states.
    /// </summary>
    HiddenStates = 8,

    /// <summary>Attention probabilities of every layer, or of the layers that the call names.</summary>
    Attentions = 16,

    /// <summary>
    /// The class token's row of the attention probabilities, of every layer or of the layers that the call names:
    /// DINO's attention maps. Memory grows with the number of tokens, not with its square. The last layer's row costs
    /// almost nothing.
    /// </summary>
    ClassAttentions = 32,

    /// <summary>
    /// Every token after each block, or after the blocks that the call names, each after the final LayerNorm: the
    /// original's <c>get_intermediate_layers</c>.
    /// </summary>
    IntermediateLayers = 64,

    /// <summary>Only the class tokens of <see cref="IntermediateLayers"/>. They cost almost nothing.</summary>
    LayerClassTokens = 128,

    /// <summary>
    /// The attention's queries of every token, in every layer or in the layers that the call names. A pass that returns
    /// queries, keys, values or attention computes all its attention in float32, whatever its precision. In a model
    /// with RoPE these are the queries before it, which do not know where their patch lies.
    /// </summary>
    Queries = 256,

    /// <summary>
    /// The attention's keys, as <see cref="Queries"/>. In float32 the keys of the last layer cost almost nothing.
    /// </summary>
    Keys = 512,

    /// <summary>The attention's values, as <see cref="Keys"/>.</summary>
    Values = 1024,

    /// <summary>
    /// The class token's row of the attention rollout over all layers (Abnar and Zuidema 2020). A rollout is the
    /// product of the layers' attention matrices. Each is the mean over the heads, mixed half and half with the
    /// identity for the residual connection.
    /// </summary>
    AttentionRollout = 2048,

    /// <summary>The register tokens after the final LayerNorm, of models that have some.</summary>
    Registers = 4096,

    /// <summary>
    /// The queries that attention reads: <see cref="Queries"/> after RoPE. In a model without it they are the same.
    /// </summary>
    RotatedQueries = 8192,

    /// <summary>The keys that attention reads: <see cref="Keys"/> after RoPE.</summary>
    RotatedKeys = 16384,
}

/// <summary>A float32 array with its shape, row-major.</summary>
public sealed class DinoTensor
{
    /// <summary>Wraps data without copying it. The shape is copied.</summary>
    /// <exception cref="ArgumentException">
    /// A side is negative, or the shape's product is not the data's length.
    /// </exception>
    public DinoTensor(float[] data, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(shape);
        double length = 1; // does not wrap, and is exact up to more than an array holds
        foreach (int side in shape)
            length *= side;
        if (Array.Exists(shape, side => side < 0) || length != data.LongLength)
            throw new ArgumentException(
                $"Shape ({string.Join(", ", shape)}) has {length} values, the data {data.LongLength}.", nameof(shape));
        Data = data;
        Shape = [.. shape];
    }

    /// <summary>The values, row-major.</summary>
    public float[] Data { get; }

    /// <summary>Sizes, outermost first.</summary>
    public IReadOnlyList<int> Shape { get; }
}

/// <summary>The outputs of a forward pass. An output that was not requested is null.</summary>
public sealed record DinoOutput
{
    /// <summary>(images, hidden)</summary>
    public DinoTensor? ClassToken { get; init; }

    /// <summary>
    /// Register tokens of the model, which are among its tokens, after the class token and before the patches. They
    /// stand for no place in the picture: what is made of patches leaves them out.
    /// </summary>
    public int RegisterCount { get; init; }

    /// <summary>Tokens before the first patch.</summary>
    internal int PrefixTokenCount => 1 + RegisterCount;

    /// <summary>(images, tokens, hidden): the class token, the registers, the patches.</summary>
    public DinoTensor? LastHiddenState { get; init; }

    /// <summary>(images, registers, hidden)</summary>
    public DinoTensor? Registers { get; init; }

    /// <summary>(images, grid height, grid width, hidden)</summary>
    public DinoTensor? PatchGrid { get; init; }

    /// <summary>(states, images, tokens, hidden). All states together are layers + 1.</summary>
    public DinoTensor? HiddenStates { get; init; }

    /// <summary>(layers, images, tokens, hidden), in the order of <see cref="LastHiddenState"/>.</summary>
    public DinoTensor? IntermediateLayers { get; init; }

    /// <summary>(layers, images, hidden)</summary>
    public DinoTensor? LayerClassTokens { get; init; }

    /// <summary>
    /// (layers, images, tokens, hidden), the heads side by side: head h starts at column h * head size. Object
    /// discovery on DINO's keys (LOST, TokenCut) takes them so. They include the projection's bias and are not scaled.
    /// </summary>
    public DinoTensor? Queries { get; init; }

    /// <summary>(layers, images, tokens, hidden), as <see cref="Queries"/>.</summary>
    public DinoTensor? Keys { get; init; }

    /// <summary>(layers, images, tokens, hidden), as <see cref="Queries"/>.</summary>
    public DinoTensor? Values { get; init; }

    /// <summary>(layers, images, tokens, hidden), as <see cref="Queries"/>, after RoPE.</summary>
    public DinoTensor? RotatedQueries { get; init; }

    /// <summary>(layers, images, tokens, hidden), as <see cref="Queries"/>, after RoPE.</summary>
    public DinoTensor? RotatedKeys { get; init; }

    /// <summary>(layers, images, heads, tokens, tokens). Rows are queries; each row sums to 1.</summary>
    public DinoTensor? Attentions { get; init; }

    /// <summary>
    /// (layers, images, heads, tokens): how much attention the class token pays to each token, itself first, then the
    /// registers. The values of a head sum to 1.
    /// </summary>
    public DinoTensor? ClassAttentions { get; init; }

    /// <summary>
    /// (images, tokens): the share of each token, the class token first, in the final class token. The shares sum to 1.
    /// </summary>
    public DinoTensor? AttentionRollout { get; init; }
}
