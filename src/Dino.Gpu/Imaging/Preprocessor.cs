namespace Dino.Gpu.Imaging;

/// <summary>
/// Resizes pictures of any size to the model's input size, byte for byte as the Python pipelines do. Immutable and
/// thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="PreprocessPreset.HuggingFace"/>: both sides are resized with Pillow's BILINEAR, without keeping the
/// proportions, as the model's own processor does.
/// </para>
/// <para>
/// <see cref="PreprocessPreset.Dino"/>: torchvision's <c>Resize(256, BICUBIC)</c> and <c>CenterCrop(224)</c>. Other
/// sizes keep the same margin. The picture is resized, with its proportions, to the smallest size that covers round(8/7
/// Width) x round(8/7 Height). One side is then exact and the other is rounded down. Then the center is cropped. For
/// square inputs this equals torchvision's <c>Resize(round(8/7 Width))</c> followed by <c>CenterCrop(Width)</c>.
/// </para>
/// </remarks>
public sealed class Preprocessor
{
    /// <summary>Makes a preprocessor for one input size.</summary>
    /// <param name="preset">How a picture becomes the model's input.</param>
    /// <param name="width">Input width of the model in pixels.</param>
    /// <param name="height">Input height of the model in pixels.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A side is not positive, their product is above <see cref="ImageHeader.MaxPixels"/>, or the preset is unknown.
    /// </exception>
    public Preprocessor(PreprocessPreset preset, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)width * height, ImageHeader.MaxPixels, nameof(width));
        if (preset is not (PreprocessPreset.HuggingFace or PreprocessPreset.Dino))
            throw new ArgumentOutOfRangeException(nameof(preset), preset, "Not a preset.");
        Preset = preset;
        Width = width;
        Height = height;
    }

    /// <summary>How a picture becomes the model's input.</summary>
    public PreprocessPreset Preset { get; }

    /// <summary>Width of every result in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of every result in pixels.</summary>
    public int Height { get; }

    /// <summary>Resizes, and crops where the preset says so.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <returns>
    /// <see cref="Width"/> x <see cref="Height"/> pixels; <paramref name="image"/> itself if nothing changes.
    /// </returns>
    public RgbImage Apply(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return PillowResize.ResizeAndCrop(image, Plan(image.Width, image.Height));
    }

    /// <summary>What <see cref="Apply"/> does to a picture of this size.</summary>
    internal ResizePlan Plan(int imageWidth, int imageHeight)
    {
        if (Preset == PreprocessPreset.HuggingFace)
            return new ResizePlan(Width, Height, ResizeFilter.Bilinear, 0, 0, Width, Height);

        (long width, long height) = Cover(imageWidth, imageHeight, WithMargin(Width), WithMargin(Height));
        return new ResizePlan(width, height, ResizeFilter.Bicubic, CropStart(width, Width), CropStart(height, Height), Width, Height);
    }

    /// <summary>The original evaluation shows the model 7/8 of the shorter side: 224 of 256 pixels.</summary>
    private static int WithMargin(int side) => (int)Math.Round(side * 8.0 / 7.0);

    /// <summary>
    /// The smallest size with the proportions of the picture that covers the target. The side that limits is exact; the
    /// other is rounded down, as torchvision does.
    /// </summary>
    private static (long Width, long Height) Cover(long width, long height, long targetWidth, long targetHeight) =>
        targetWidth * height >= targetHeight * width
            ? (targetWidth, targetWidth * height / width)
            : (targetHeight * width / height, targetHeight);

    /// <summary>torchvision's <c>int(round((side - crop) / 2.0))</c>, which rounds halves to even.</summary>
    private static long CropStart(long side, int crop) => (long)Math.Round((side - crop) / 2.0);
}
