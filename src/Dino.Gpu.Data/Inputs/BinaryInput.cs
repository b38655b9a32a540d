using System.Text;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Inputs;

/// <summary>Names what was given in place of a list of paths.</summary>
internal static class BinaryInput
{
    /// <summary>Bytes of a file that say what it is.</summary>
    public const int StartLength = 512;

    private const string Binary = "binary data";

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

    /// <summary>Further files that begin so, and that nobody takes for pictures.</summary>
    private static readonly (byte[] Start, string Kind)[] Starts =
    [
        ([0x93, .. "NUMPY"u8], "a NumPy file"),
        ([.. "PAR1"u8], "a Parquet file"),
        ([.. "BZh"u8], "a bzip2 archive"),
        ([0xFD, .. "7zXZ\0"u8], "an xz archive"),
        ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive"),
        ([.. "7z"u8, 0xBC, 0xAF], "a 7z archive"),
        ([.. "Rar!"u8], "a RAR archive"),
        ([.. "SQLite format 3\0"u8], "an SQLite database"),
        ([0x89, .. "HDF\r\n"u8], "an HDF5 file"),
    ];

    /// <summary>Where a tar archive says that it is one.</summary>
    private const int TarMagic = 257;

    /// <summary>What a file is by its first bytes; null for what may be text.</summary>
    /// <param name="start">Up to <see cref="StartLength"/> bytes.</param>
    public static string? Describe(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("%PDF-"u8) && start.IndexOf((byte)'\n') is > 0 and < 12)
            return "PDF";
        if (start.StartsWith<byte>([0xFF, 0xFE]) || start.StartsWith<byte>([0xFE, 0xFF]) || start.IndexOfAnyInRange<byte>(0, 8) < 0)
            return null; // text, in whatever encoding
        if (ImageHeader.FormatOf(start) is { } format)
            return $"a {ImageHeader.NameOf(format)} picture";
        foreach ((byte[] its, string name) in Starts)
        {
            if (start.StartsWith(its))
                return name;
        }

        if (start.Length > TarMagic && start[TarMagic..].StartsWith("ustar"u8))
            return "a tar archive";
        string kind = ForeignFormats.Describe(start);
        if (!kind.StartsWith("bytes ", StringComparison.Ordinal))
            return kind;
        string text = Encoding.UTF8.GetString(start[..^Math.Min(3, start.Length)]); // a letter may be cut at the end
        return IsBinaryText(text) ? Binary : null;
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

        return IsBinaryText(name) ? Binary : null;
    }

    /// <summary>
    /// Whether text has what is no letter in any encoding beside what is none in UTF-8: a name may have one of them.
    /// </summary>
    private static bool IsBinaryText(string text) =>
        text.Contains('\uFFFD', StringComparison.Ordinal)
        && text.Any(letter => letter is < ' ' and not ('\0' or '\t' or '\n' or '\r' or '\e'));

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
