using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Blocks in braces within a kernel's text. Their labels are their own, so a text with a label may be repeated.
/// </summary>
internal static partial class PtxBlocks
{
    /// <summary>Returns the text without the braces of blocks, and with a number at each of their labels.</summary>
    public static string Flatten(string body)
    {
        int number = 0;
        return BlockPattern().Replace(body, block =>
        {
            number++;
            string inside = block.Groups["inside"].Value;
            foreach (Match label in LabelPattern().Matches(inside))
            {
                string name = label.Groups["name"].Value;
                string unique = string.Create(CultureInfo.InvariantCulture, $"{name}_block{number}");
                inside = Regex.Replace(inside, $@"\b{name}\b(:)?", match => match.Groups[1].Success ? $"\n{unique}:\n" : unique);
            }

            return inside;
        });
    }

    /// <summary>A block begins where a statement would; braces within a statement hold a list.</summary>
    [GeneratedRegex(@"(?<=[;:]\s*)\{(?<inside>(?:[^{}]|\{[^{}]*\})*)\}")]
    private static partial Regex BlockPattern();

    [GeneratedRegex(@"(?<![\w:])(?<name>[A-Za-z_]\w*):(?!:)")]
    private static partial Regex LabelPattern();
}
