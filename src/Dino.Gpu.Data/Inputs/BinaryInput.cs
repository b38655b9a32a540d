using System.Text;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Inputs;

/// <summary>Names what was given in place of a list of paths.</summary>
internal static class BinaryInput
{
    /// <summary>Bytes of a file that say what it is.</summary>
    public const int StartLength = 64;

    /// <summary>What the bytes of pictures and archives become where they are read as lines of UTF-8.</summary>
    private static readonly (string Start, string Kind)[] TextStarts =
    [
        ("\uFFFD\uFFFD\uFFFD", "a JPEG picture"),
        ("\uFFFDPNG", "a PNG picture"),
        ("GIF87a", "a GIF picture"),
        ("GIF89a", "a GIF picture"),
        ("RIFF", "a WebP picture or another RIFF file"),
        ("BM", "a BMP picture"),
        ("II*", "a TIFF picture"),
        ("II+", "a TIFF picture"),
        ("PK\u0003\u0004", "a zip archive"),
        ("\u001F\uFFFD", "a gzip archive"),
        ("%PDF-", "PDF"),
        ("8BPS", "a Photoshop file"),
        ("\uFFFDO\uFFFDQ", "JPEG 2000"),
        ("PAR1", "a Parquet file"),
        ("\uFFFDNUMPY", "a NumPy file"),
    ];

    /// <summary>What a file is by its first bytes; null for what may be text.</summary>
    /// <param name="start">Up to <see cref="StartLength"/> bytes.</param>
    public static string? Describe(ReadOnlySpan<byte> start)
    {
        if (start.IndexOfAnyInRange<byte>(0, 8) < 0)
            return null; // text, in whatever encoding
        if (ImageHeader.FormatOf(start) is { } format)
            return $"a {ImageHeader.NameOf(format)} picture";
        string kind = ForeignFormats.Describe(start);
        return kind.StartsWith("bytes ", StringComparison.Ordinal) ? null : kind;
    }

    /// <summary>What standard input is by the first name that was read of it; null for what may be a path.</summary>
    /// <param name="name">Up to the first line feed or NUL.</param>
    /// <param name="endsInNul">Whether it was a NUL, as in binary files and in <c>find -print0</c>.</param>
    public static string? DescribeText(string name, bool endsInNul)
    {
        if (name.Length == 0 || Path.Exists(name))
            return null;
        if (name[0] < ' ' && name.AsSpan(1).StartsWith("ftyp"))
            return "HEIF, AVIF or another ISO media file";
        foreach ((string start, string kind) in TextStarts)
        {
            if (name.StartsWith(start, StringComparison.Ordinal) && IsBinary(start, name[start.Length..], endsInNul))
                return kind;
        }

        return null;
    }

    /// <summary>Whether a start and what follows it are no path, though the start may have letters only.</summary>
    private static bool IsBinary(string start, string rest, bool endsInNul) =>
        start.AsSpan().ContainsAnyExceptInRange(' ', '~')
        || rest.Length == 0
        || HasBinary(rest)
        || (endsInNul && !rest.AsSpan().ContainsAny('.', '/', '\\'));

    private static bool HasBinary(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.IsControl(rune) || rune == Rune.ReplacementChar)
                return true;
        }

        return false;
    }
}
