namespace Dino.Gpu.Imaging;

/// <summary>How one picture becomes the model's input: resized, then cropped.</summary>
/// <param name="Width">
/// Width after resizing. It may be larger than any array, because only the crop is computed.
/// </param>
/// <param name="Height">Height after resizing.</param>
/// <param name="Filter">The interpolation.</param>
/// <param name="Left">First column of the crop.</param>
/// <param name="Top">First row of the crop.</param>
/// <param name="CropWidth">Width of the result.</param>
/// <param name="CropHeight">Height of the result.</param>
internal readonly record struct ResizePlan(long Width, long Height, ResizeFilter Filter, long Left, long Top, int CropWidth, int CropHeight)
{
    /// <summary>The horizontal weights; null if that pass only crops, as in Pillow.</summary>
    public ResizeCoefficients? Across(int inputWidth) => Width == inputWidth ? null : new(inputWidth, Width, Filter, Left, CropWidth);

    /// <summary>The vertical weights; null if that pass only crops.</summary>
    public ResizeCoefficients? Down(int inputHeight) => Height == inputHeight ? null : new(inputHeight, Height, Filter, Top, CropHeight);

    /// <summary>The weights of <see cref="Across"/> before they are rounded.</summary>
    public ResizeTaps? TapsAcross(int inputWidth) => Width == inputWidth ? null : new(inputWidth, Width, Filter, Left, CropWidth);

    /// <summary>The weights of <see cref="Down"/> before they are rounded.</summary>
    public ResizeTaps? TapsDown(int inputHeight) => Height == inputHeight ? null : new(inputHeight, Height, Filter, Top, CropHeight);
}
