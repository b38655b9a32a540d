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
/// <para>
/// A checkpoint's own <see cref="PreprocessorConfig"/> replaces the first of these: resized as it says, then cropped in
/// the middle as Hugging Face does. For other input sizes the margin of its crop is kept.
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

    /// <summary>Prepares as a checkpoint asks for, for one input size.</summary>
    /// <param name="config">What the checkpoint says.</param>
    /// <param name="width">Input width of the model in pixels.</param>
    /// <param name="height">Input height of the model in pixels.</param>
    /// <exception cref="ArgumentOutOfRangeException">As for the other constructor.</exception>
    public Preprocessor(PreprocessorConfig config, int width, int height)
        : this(PreprocessPreset.HuggingFace, width, height)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
    }

    /// <summary>What the checkpoint says; the published model's where nothing is said.</summary>
    public PreprocessorConfig Config { get; } = PreprocessorConfig.Standard;

    /// <summary>How a picture becomes the model's input.</summary>
    public PreprocessPreset Preset { get; }

    /// <summary>Width of every result in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of every result in pixels.</summary>
    public int Height { get; }

    /// <summary>Whether it takes pictures of any size; false where the checkpoint resizes nothing.</summary>
    internal bool Resizes => Config.Resize != ResizeMode.None;

    /// <summary>Whether its results may have <see cref="RgbImage.Fractions"/>.</summary>
    internal bool KeepsFractions => Preset == PreprocessPreset.HuggingFace && Config.KeepsFractions;

    /// <summary>Resizes, and crops where the preset or the checkpoint says so.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <returns>
    /// <see cref="Width"/> x <see cref="Height"/> pixels; <paramref name="image"/> itself if nothing changes.
    /// </returns>
    /// <exception cref="DinoException">The checkpoint resizes nothing, and the picture has another size.</exception>
    public RgbImage Apply(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        ResizePlan plan = Plan(image.Width, image.Height);
        RgbImage result = KeepsFractions ? FractionResize.ResizeAndCrop(image, plan) : PillowResize.ResizeAndCrop(image, plan);
        result.Warning ??= image.Warning;
        return result;
    }

    /// <summary>What <see cref="Apply"/> does to a picture of this size.</summary>
    internal ResizePlan Plan(int imageWidth, int imageHeight)
    {
        if (Preset == PreprocessPreset.HuggingFace)
            return PlanOfConfig(imageWidth, imageHeight);

        (long width, long height) = Cover(imageWidth, imageHeight, WithMargin(Width), WithMargin(Height));
        return new ResizePlan(width, height, ResizeFilter.Bicubic, CropStart(width, Width), CropStart(height, Height), Width, Height);
    }

    /// <summary>Hugging Face's crop starts at half of what is left over, rounded down.</summary>
    private ResizePlan PlanOfConfig(int imageWidth, int imageHeight)
    {
        int wantedWidth = Before(Width, Config.ResizeWidth, Config.InputWidth);
        int wantedHeight = Before(Height, Config.ResizeHeight, Config.InputHeight);
        (long width, long height) = Config.Resize switch
        {
            ResizeMode.Squash => (wantedWidth, wantedHeight),
            ResizeMode.ShorterSide => Cover(imageWidth, imageHeight, wantedWidth, wantedHeight),
            _ => (imageWidth, imageHeight),
        };
        bool isCropped = Config.ResizeWidth is not null;
        if (!Resizes && (isCropped ? width < Width || height < Height : (width, height) != (Width, Height)))
        {
            string orLarger = isCropped ? " or larger" : "";
            throw ImageException.WrongSize(
                $"{width}x{height} pixels, expected {Width}x{Height}{orLarger}: the checkpoint's preprocessor_config.json resizes nothing",
                "resize the pictures first, or pass --preprocess dino");
        }

        return new ResizePlan(width, height, Config.Filter, (width - Width) / 2, (height - Height) / 2, Width, Height);
    }

    /// <summary>A side before the crop: as said for the input size that is said, in proportion for others.</summary>
    private static int Before(int side, int? resized, int? cropped) =>
        resized is { } before && cropped is { } after ? (int)Math.Round(side * (double)before / after) : side;

    /// <summary>The original evaluation shows the model 7/8 of the shorter side: 224 of 256 pixels.</summary>
    internal static int WithMargin(int side) => (int)Math.Round(side * 8.0 / 7.0);

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
