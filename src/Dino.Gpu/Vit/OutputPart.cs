namespace Dino.Gpu.Vit;

/// <summary>
/// The parts of an output that a forward pass can keep. A part is (slots, batch, values of an image). Each kept layer
/// has one slot; slots are in ascending order of layers.
/// </summary>
internal enum OutputPart
{
    /// <summary>
    /// The last layer after the final norm, in one slot: (tokens, hidden) with every token, (hidden) with the class
    /// token alone.
    /// </summary>
    Tokens,

    /// <summary>
    /// (tokens, hidden): the residual stream, state 0 before the first block and state i after i blocks.
    /// </summary>
    HiddenStates,

    /// <summary>(tokens, hidden): the residual stream after a block, through the final norm.</summary>
    IntermediateLayers,

    /// <summary>(hidden): the class token after a block, through the final norm.</summary>
    ClassTokens,

    /// <summary>(tokens, hidden): a block's queries, heads side by side, before RoPE.</summary>
    Queries,

    /// <summary>(tokens, hidden): a block's keys, heads side by side, before RoPE.</summary>
    Keys,

    /// <summary>(tokens, hidden): a block's values, heads side by side.</summary>
    Values,

    /// <summary>(tokens, hidden): the queries that attention reads: after RoPE, where the model has it.</summary>
    RotatedQueries,

    /// <summary>(tokens, hidden): the keys that attention reads.</summary>
    RotatedKeys,

    /// <summary>
    /// (heads, rows kept, tokens): a block's attention probabilities, every row or the class token's.
    /// </summary>
    Attentions,

    /// <summary>(tokens): the class token's row of the attention rollout over all blocks, one slot.</summary>
    Rollout,
}
