using System.Globalization;
using Dino.Gpu.Features;

namespace Dino.Gpu.Data.Rows;

/// <summary>What <c>dino embed --output</c> writes for each image: one vector, every token, or the patches.</summary>
/// <param name="Pooling">How tokens become a vector; null for tokens.</param>
/// <param name="Grid">Whether only the patch tokens are written, as a grid.</param>
/// <param name="Registers">Whether only the register tokens are written.</param>
/// <param name="Scales">
/// Scales of the input that the vector is averaged over (<see cref="MultiScale"/>); null for the input as it is.
/// </param>
internal sealed record OutputKind(
    Pooling? Pooling, bool Grid = false, bool Registers = false, IReadOnlyList<double>? Scales = null)
{
    private const string MultiScaleName = "multiscale";

    /// <summary>The largest scale. A larger one is a typing error.</summary>
    private const double MaxScale = 16;

    /// <summary>What <see cref="Parse"/> takes, for messages.</summary>
    public const string Names = $"{VectorNames}, tokens, registers or patches";

    /// <summary>The names that give one vector per image.</summary>
    public const string VectorNames = $"{Pooling.Names}, {MultiScaleName} or {MultiScaleName}:S,S,...";

    /// <summary>The class token: the embedding.</summary>
    public static OutputKind ClassToken { get; } = new(Features.Pooling.ClassToken);

    /// <summary>Every token: the class token, the registers, the patches.</summary>
    public static OutputKind Tokens { get; } = new(Pooling: null);

    /// <summary>The patch tokens as a grid.</summary>
    public static OutputKind Patches { get; } = new(null, Grid: true);

    /// <summary>The register tokens.</summary>
    public static OutputKind RegisterTokens { get; } = new(null, Registers: true);

    /// <summary>
    /// The kind of a name, as <c>--output</c> takes it and <c>run.json</c> keeps it; null if there is none.
    /// </summary>
    public static OutputKind? Parse(string name) => name switch
    {
        "tokens" => Tokens,
        "patches" => Patches,
        "registers" => RegisterTokens,
        MultiScaleName => ClassToken with { Scales = MultiScale.Default },
        _ when name.StartsWith(MultiScaleName + ":", StringComparison.Ordinal) =>
            ParseScales(name[(MultiScaleName.Length + 1)..]) is { } scales ? ClassToken with { Scales = scales } : null,
        _ => Features.Pooling.Parse(name) is { } pooling ? new OutputKind(pooling) : null,
    };

    /// <summary>The scales in a text; null if it is no list of scales.</summary>
    private static double[]? ParseScales(string text)
    {
        double[] scales = [.. text.Split(',').Select(Scale)];
        return scales.All(scale => scale is > 0 and <= MaxScale) ? scales : null;

        static double Scale(string text) =>
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double scale) ? scale : 0;
    }
}
