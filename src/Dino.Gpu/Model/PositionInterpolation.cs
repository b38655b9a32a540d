namespace Dino.Gpu.Model;

/// <summary>
/// How the trained position table is stretched to another patch grid: bicubic either way, with another step.
/// </summary>
public enum PositionInterpolation
{
    /// <summary>Step = trained / wanted grid, as current Hugging Face (<c>interpolate(size=...)</c>).</summary>
    Size,

    /// <summary>
    /// Step = trained / (wanted + 0.1), as the original DINO and older Hugging Face
    /// (<c>interpolate(scale_factor=...)</c>).
    /// </summary>
    Scale,
}
