using System.Globalization;
using System.Text;

namespace Dino.Gpu.Files;

/// <summary>Makes text from files and drivers fit for a message.</summary>
internal static class MessageText
{
    private const int LongestName = 120;

    /// <summary>Joins the lines of a message.</summary>
    public static string OneLine(string message) =>
        Visible(string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));

    /// <summary>Replaces characters that a terminal would obey.</summary>
    public static string Visible(string text) => VisibleText.Of(text);

    /// <summary>Quotes a name that comes from a file, and shortens it.</summary>
    public static string Quote(string name) => name.Length <= LongestName ? $"'{name}'" : $"'{name[..(LongestName - 3)]}...'";

    /// <summary>Writes a shape as <c>(a, b, c)</c>.</summary>
    public static string Shape(ReadOnlySpan<long> sides)
    {
        var text = new StringBuilder("(");
        for (int i = 0; i < sides.Length; i++)
            text.Append(CultureInfo.InvariantCulture, $"{(i > 0 ? ", " : "")}{sides[i]}");
        return text.Append(')').ToString();
    }
}
