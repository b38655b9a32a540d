namespace Dino.Gpu.Features;

/// <summary>The kinds of patch features that a layer has.</summary>
public enum PatchFeature
{
    /// <summary>
    /// Tokens after the block and the final LayerNorm, as in the original's <c>get_intermediate_layers</c>.
    /// </summary>
    Tokens,

    /// <summary>The residual stream after the block, before the final LayerNorm.</summary>
    Residual,

    /// <summary>Queries of the block's attention, heads side by side, before RoPE.</summary>
    Queries,

    /// <summary>
    /// Keys of the block's attention, heads side by side, before RoPE. LOST and TokenCut use them to find objects.
    /// </summary>
    Keys,

    /// <summary>Values of the block's attention, heads side by side.</summary>
    Values,

    /// <summary><see cref="Queries"/> after RoPE, as attention reads them; the same in a model without it.</summary>
    RotatedQueries,

    /// <summary><see cref="Keys"/> after RoPE, as attention reads them; the same in a model without it.</summary>
    RotatedKeys,
}
