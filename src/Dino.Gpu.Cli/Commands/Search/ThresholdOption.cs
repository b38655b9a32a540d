using System.CommandLine;
using System.Globalization;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>--threshold COSINE</c></summary>
internal static class ThresholdOption
{
    /// <summary>Null when it is not given.</summary>
    public static Option<double?> Create(string description) => new("--threshold", "-t")
    {
        Description = description,
        HelpName = "COSINE",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out double cosine) && cosine is >= -1 and <= 1)
                return cosine;
            result.AddError($"--threshold: expected a cosine from -1 to 1, such as 0.9, found '{text}'");
            return null;
        },
    };
}
