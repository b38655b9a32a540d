using System.Buffers;

namespace Dino.Gpu;

/// <summary>Makes messages fit for a terminal and a log: they hold names from files.</summary>
internal static class VisibleText
{
    private const int Longest = 2000;

    /// <summary>
    /// Replaces what a terminal would obey: a name may hold escape sequences, line ends, and letters that reverse the
    /// direction of the text.
    /// </summary>
    public static string Of(string text) =>
        text.AsSpan().ContainsAny(Hidden) ? string.Concat(text.Select(letter => Hidden.Contains(letter) ? '?' : letter)) : text;

    /// <summary>As <see cref="Of"/>, and no longer than a person reads.</summary>
    public static string Bounded(string text) => Of(text.Length <= Longest ? text : text[..(Longest - 3)] + "...");

    /// <summary>Control characters, and those of Unicode that turn the direction.</summary>
    private static SearchValues<char> Hidden { get; } = SearchValues.Create(
        [.. Enumerable.Range(0, 0x2070).Select(letter => (char)letter).Where(
            letter => char.IsControl(letter) || letter is >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069')]);
}
