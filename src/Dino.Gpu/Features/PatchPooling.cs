namespace Dino.Gpu.Features;

/// <summary>How the last layer's patch tokens are pooled.</summary>
public enum PatchPooling
{
    /// <summary>The patch tokens are not used.</summary>
    None,

    /// <summary>The mean of the patch tokens.</summary>
    Mean,

    /// <summary>
    /// The generalized mean of the patch tokens, with exponent 4; see <see cref="Pooling.GeneralizedMean"/>.
    /// </summary>
    GeneralizedMean,
}
