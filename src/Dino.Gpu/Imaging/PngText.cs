using System.IO.Compression;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Reads the orientation that some programs keep in text chunks of a PNG. Whatever is odd there reads as none.
/// </summary>
internal static class PngText
{
    /// <summary>Where ImageMagick keeps EXIF, as hexadecimal digits.</summary>
    private static ReadOnlySpan<byte> RawExif => "Raw profile type exif"u8;

    /// <summary>Where Adobe's programs keep XMP.</summary>
    private static ReadOnlySpan<byte> Xmp => "XML:com.adobe.xmp"u8;

    /// <summary>Most bytes of a text after decompression, as in Pillow.</summary>
    private const int MaxLength = 1 << 20;

    /// <summary>Takes an orientation out of a text chunk, if it is one that may hold one.</summary>
    /// <param name="type">The chunk's type.</param>
    /// <param name="data">Its data: a keyword, a zero, and the text as the type has it.</param>
    /// <param name="exif">Set where the chunk is a raw EXIF profile.</param>
    /// <param name="xmp">Set where the chunk is an XMP packet.</param>
    public static void Read(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data, ref int? exif, ref int? xmp)
    {
        bool isText = type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8) || type.SequenceEqual("iTXt"u8);
        int key = isText ? data.IndexOf((byte)0) : -1;
        if (key < 0)
            return;
        bool isExif = data[..key].SequenceEqual(RawExif);
        if (!isExif && !data[..key].SequenceEqual(Xmp) || Value(type, data[(key + 1)..]) is not { } text)
            return;
        if (isExif)
            exif = ExifReader.Find(RawProfile(text));
        else
            xmp = XmpReader.Orientation(text);
    }

    /// <summary>The text behind the keyword; null where it cannot be read.</summary>
    private static byte[]? Value(ReadOnlySpan<byte> type, ReadOnlySpan<byte> rest)
    {
        if (type.SequenceEqual("tEXt"u8))
            return rest.Length > MaxLength ? null : rest.ToArray();
        if (type.SequenceEqual("zTXt"u8)) // method 0
            return rest.Length > 0 && rest[0] == 0 ? Inflate(rest[1..]) : null;
        // iTXt: compression flag, method, language, zero, translated keyword, zero.
        if (rest.Length < 2)
            return null;
        bool isCompressed = rest[0] != 0;
        rest = rest[2..];
        for (int i = 0; i < 2; i++)
        {
            int end = rest.IndexOf((byte)0);
            if (end < 0)
                return null;
            rest = rest[(end + 1)..];
        }

        return isCompressed ? Inflate(rest) : rest.Length > MaxLength ? null : rest.ToArray();
    }

    private static byte[]? Inflate(ReadOnlySpan<byte> deflated)
    {
        using var stream = new ZLibStream(new MemoryStream(deflated.ToArray()), CompressionMode.Decompress);
        using var text = new MemoryStream();
        byte[] buffer = new byte[4096];
        try
        {
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                text.Write(buffer, 0, read);
                if (text.Length > MaxLength)
                    return null;
            }
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException) // the latter where it needs a dictionary
        {
            return null;
        }

        return text.ToArray();
    }

    /// <summary>
    /// The bytes of a raw profile: three lines (empty, name, length), then hexadecimal digits in lines.
    /// </summary>
    private static byte[] RawProfile(ReadOnlySpan<byte> text)
    {
        for (int line = 0; line < 3; line++)
            text = text[(text.IndexOf((byte)'\n') + 1)..];
        var bytes = new List<byte>(text.Length / 2);
        int high = -1;
        foreach (byte letter in text)
        {
            if (!char.IsAsciiHexDigit((char)letter))
                continue;
            int digit = Convert.ToInt32(((char)letter).ToString(), 16);
            if (high >= 0)
                bytes.Add((byte)(high << 4 | digit));
            high = high >= 0 ? -1 : digit;
        }

        return [.. bytes];
    }
}
