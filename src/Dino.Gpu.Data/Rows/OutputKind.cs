using System.Globalization;
using Dino.Gpu.Features;

namespace Dino.Gpu.Data.Rows;

/// <summary>What <c>dino embed --output</c> writes for each image: one vector, every token, or the patches.</summary>
/// <param name="Pooling">How tokens become a vector; null for tokens.</param>
/// <param name="Grid">Whether of tokens only the patches are written, as a grid.</param>
/// <param name="Scales">
/// Of the input, where the vector is the mean over several (<see cref="MultiScale"/>); null for the input as it is.
/// </param>
internal sealed record OutputKind(Pooling? Pooling, bool Grid = false, IReadOnlyList<double>? Scales = null)
{
    private const string MultiScaleName = "multiscale";

    /// <summary>Beyond this a scale is a slip of the pen.</summary>
    private const double MaxScale = 16;

    /// <summary>What <see cref="Parse"/> takes, for messages.</summary>
    public const string Names = $"{VectorNames}, tokens or patches";

    /// <summary>Of these, what gives one vector an image.</summary>
    public const string VectorNames = $"{Pooling.Names}, {MultiScaleName} or {MultiScaleName}:S,S,...";

    /// <summary>The class token: the embedding.</summary>
    public static OutputKind ClassToken { get; } = new(Features.Pooling.ClassToken);

    /// <summary>Every token, the class token first.</summary>
    public static OutputKind Tokens { get; } = new(Pooling: null);

    /// <summary>The patch tokens as a grid.</summary>
    public static OutputKind Patches { get; } = new(null, Grid: true);

    /// <summary>By the name that <c>--output</c> takes, which <c>run.json</c> keeps; null for any other.</summary>
    public static OutputKind? Parse(string name) => name switch
    {
        "tokens" => Tokens,
        "patches" => Patches,
        MultiScaleName => ClassToken with { Scales = MultiScale.Default },
        _ when name.StartsWith(MultiScaleName + ":", StringComparison.Ordinal) =>
            ParseScales(name[(MultiScaleName.Length + 1)..]) is { } scales ? ClassToken with { Scales = scales } : null,
        _ => Features.Pooling.Parse(name) is { } pooling ? new OutputKind(pooling) : null,
    };

    /// <summary>Null for what is no list of scales.</summary>
    private static double[]? ParseScales(string text)
    {
        double[] scales = [.. text.Split(',')
            .Select(scale => double.TryParse(scale, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
                ? value : 0)];
        return scales.All(scale => scale is > 0 and <= MaxScale) ? scales : null;
    }
}
