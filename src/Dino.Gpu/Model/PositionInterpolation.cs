namespace Dino.Gpu.Model;

/// <summary>
/// How the trained position table is interpolated to another patch grid. All ways are bicubic; they differ in the step
/// and in the filter.
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

    /// <summary>
    /// The step of <see cref="Size"/> and a filter that widens where the grid shrinks, as in DINOv2 with registers
    /// (<c>interpolate(size=..., antialias=True)</c>). Its cubic has a = -0.5 where the others have -0.75, also where
    /// the grid grows.
    /// </summary>
    Antialias,
}
