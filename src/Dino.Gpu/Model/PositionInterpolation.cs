namespace Dino.Gpu.Model;

/// <summary>
/// How the trained position table is interpolated to another patch grid. Both ways are bicubic; they differ in the
/// step.
/// </summary>
public enum PositionInterpolation
{
    /// <summary>Step = trained grid / input grid, as in current Hugging Face (<c>interpolate(size=...)</c>).</summary>
    Size,

    /// <summary>
    /// Step = trained grid / (input grid + 0.1), as in the original DINO and older Hugging Face
    /// (<c>interpolate(scale_factor=...)</c>).
    /// </summary>
    Scale,
}
