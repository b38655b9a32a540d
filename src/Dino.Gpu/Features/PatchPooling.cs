namespace Dino.Gpu.Features;

/// <summary>How the last layer's patch tokens are pooled.</summary>
public enum PatchPooling
{
    /// <summary>They are not used.</summary>
    None,

    /// <summary>By their mean.</summary>
    Mean,

    /// <summary>By their generalized mean with exponent 4; see <see cref="Pooling.GeneralizedMean"/>.</summary>
    GeneralizedMean,
}
