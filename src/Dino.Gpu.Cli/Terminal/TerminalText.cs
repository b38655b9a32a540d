using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// Makes text safe for a terminal. Names of files and tensors may hold escape sequences that clear the screen or rename
/// the window, so every line and table cell passes through here.
/// </summary>
internal static class TerminalText
{
    /// <summary>Most characters of a line. A damaged file can make a message of megabytes.</summary>
    private const int Longest = 2000;

    private const string Cut = " ...";

    /// <summary>One line without control characters, cut if it is too long to read.</summary>
    public static string Line(string text)
    {
        string line = text.AsSpan().ContainsAny('\r', '\n') ? MessageText.OneLine(text) : Visible(text);
        return line.Length <= Longest ? line : string.Concat(line.AsSpan(0, Longest - Cut.Length), Cut);
    }

    /// <summary>Text of any length without control characters, such as a path in a table.</summary>
    public static string Visible(string text) => MessageText.Visible(text);
}
