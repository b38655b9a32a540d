using System.CommandLine;
using System.Globalization;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Options of <c>dino search</c> and <c>dino dedup</c>.</summary>
internal static class SearchOptions
{
    /// <summary><c>--threshold COSINE</c>; null when it is not given.</summary>
    public static Option<double?> Threshold(string description) => new("--threshold", "-t")
    {
        Description = description,
        HelpName = "COSINE",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            NumberStyles style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign;
            if (double.TryParse(text, style, CultureInfo.InvariantCulture, out double cosine) && cosine is >= -1 and <= 1)
                return cosine;
            result.AddError($"--threshold: expected a cosine from -1 to 1, such as 0.9, found '{text}'");
            return null;
        },
    };

    /// <summary><c>--html FILE</c></summary>
    public static Option<string?> Html() => Parsing.File(
        "--html", "Write a page of thumbnails too. It is one file that any browser opens.");

    /// <summary>The first of several devices.</summary>
    public static NearestNeighborsOptions Of(DinoOptions options) =>
        new() { Device = ModelOptions.FirstDevice(options.Device), Threads = options.Threads, Warning = options.Warning };
}
