namespace Dino.Gpu.Files;

/// <summary>Makes text from files and drivers fit for a message.</summary>
internal static class MessageText
{
    /// <summary>Joins the lines of a message.</summary>
    public static string OneLine(string message) =>
        Visible(string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));

    /// <summary>
    /// Replaces what a terminal would obey: a file name may hold escape sequences, line ends, and letters that reverse the direction of the text.
    /// </summary>
    public static string Visible(string text) => string.Concat(text.Select(letter => IsHidden(letter) ? '?' : letter));

    private static bool IsHidden(char letter) =>
        char.IsControl(letter) || letter is >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069';
}
