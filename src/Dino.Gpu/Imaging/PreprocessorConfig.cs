using System.Globalization;

namespace Dino.Gpu.Imaging;

/// <summary>What happens to the sides of a picture.</summary>
public enum ResizeMode
{
    /// <summary>Both sides are made the resize size, whatever the proportions.</summary>
    Squash,

    /// <summary>The shorter side is made the resize size, with the proportions kept.</summary>
    ShorterSide,

    /// <summary>Nothing: a picture comes in the size that is needed, or larger where it is cropped.</summary>
    None,
}

/// <summary>
/// How the pictures of a checkpoint become its input, as <c>preprocessor_config.json</c> says beside the weights. The
/// defaults are those of <c>facebook/dino-vits16</c>.
/// </summary>
public sealed record PreprocessorConfig
{
    /// <summary>Of <c>facebook/dino-vits16</c>, for any input size.</summary>
    public static PreprocessorConfig Standard { get; } = new();

    /// <summary>How a picture is resized.</summary>
    public ResizeMode Resize { get; init; } = ResizeMode.Squash;

    /// <summary>The interpolation.</summary>
    public ResizeFilter Filter { get; init; } = ResizeFilter.Bilinear;

    /// <summary>
    /// Whether pixels are resized as fractions, as torchvision does with float tensors: antialiased like Pillow, but
    /// never rounded to bytes. DINOv3 does.
    /// </summary>
    public bool KeepsFractions { get; init; }

    /// <summary>
    /// Width in pixels after resizing, before the center is cropped; null where nothing is cropped. With
    /// <see cref="ResizeMode.ShorterSide"/> it is the shorter side, and so is <see cref="ResizeHeight"/>.
    /// </summary>
    public int? ResizeWidth { get; init; }

    /// <summary>Height in pixels after resizing, as <see cref="ResizeWidth"/>.</summary>
    public int? ResizeHeight { get; init; }

    /// <summary>Input width of the model in pixels; null for what it was trained on.</summary>
    public int? InputWidth { get; init; }

    /// <summary>Input height of the model in pixels; null for what it was trained on.</summary>
    public int? InputHeight { get; init; }

    /// <summary>
    /// Factor that brings a byte to the scale of <see cref="Mean"/>: 1/255, and 1 where nothing is scaled.
    /// </summary>
    public double Scale { get; init; } = 1 / 255.0;

    /// <summary>Mean of each channel, red first.</summary>
    public IReadOnlyList<double> Mean { get; init; } = PixelNormalization.Mean.ToArray();

    /// <summary>Standard deviation of each channel, red first.</summary>
    public IReadOnlyList<double> StandardDeviation { get; init; } = PixelNormalization.StandardDeviation.ToArray();

    /// <summary>
    /// What differs from <see cref="Standard"/> beside the input size, such as <c>bicubic, mean 0.5 0.5 0.5</c>; empty
    /// where nothing does. Equal texts mean equal results at equal input sizes.
    /// </summary>
    public string Difference => string.Join(", ", Differences());

    /// <summary>Whether it makes the same of every picture.</summary>
    internal bool IsSameAs(PreprocessorConfig other) =>
        Difference == other.Difference && (InputWidth, InputHeight) == (other.InputWidth, other.InputHeight);

    private IEnumerable<string> Differences()
    {
        if (Resize == ResizeMode.None)
            yield return ResizeWidth is null ? "no resize" : "no resize, center crop";
        else if (Filter != ResizeFilter.Bilinear)
            yield return Filter.ToString().ToLowerInvariant();
        if (KeepsFractions)
            yield return "fractions";
        if (Resize == ResizeMode.ShorterSide)
            yield return string.Create(CultureInfo.InvariantCulture, $"shorter side {ResizeWidth} cropped to {InputWidth}x{InputHeight}");
        if (Resize == ResizeMode.Squash && ResizeWidth is not null && (ResizeWidth, ResizeHeight) != (InputWidth, InputHeight))
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{ResizeWidth}x{ResizeHeight} cropped to {InputWidth}x{InputHeight}");
        if (Scale != Standard.Scale)
            yield return "scale " + Scale.ToString("R", CultureInfo.InvariantCulture);
        if (!Mean.SequenceEqual(Standard.Mean))
            yield return "mean " + Text(Mean);
        if (!StandardDeviation.SequenceEqual(Standard.StandardDeviation))
            yield return "std " + Text(StandardDeviation);
    }

    private static string Text(IEnumerable<double> channels) =>
        string.Join(' ', channels.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
}
