namespace Dino.Gpu.Vit;

/// <summary>
/// The activations of a forward pass. Every buffer has one row for each token: (images * tokens, columns).
/// </summary>
internal enum Activation
{
    /// <summary>
    /// (tokens, 3 * patch * patch): the unfolded picture. The rows before the first patch are not used.
    /// </summary>
    Patches,

    /// <summary>(tokens, hidden): the residual stream, x in the paper.</summary>
    Residual,

    /// <summary>(tokens, hidden): the output of a LayerNorm, the input of the next layer.</summary>
    Normed,

    /// <summary>(tokens, 3 * hidden): query, key and value columns.</summary>
    Qkv,

    /// <summary>(tokens, hidden): the attention's weighted values, heads side by side.</summary>
    Context,

    /// <summary>(tokens, mlp): the MLP's hidden layer after GELU, or after its gate.</summary>
    Mlp,
}
