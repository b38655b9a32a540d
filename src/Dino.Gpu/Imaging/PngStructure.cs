using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace Dino.Gpu.Imaging;

/// <summary>Walks the chunks of a PNG from IHDR to IEND: length, type, data, CRC.</summary>
internal static class PngStructure
{
    /// <summary>Length, type and CRC.</summary>
    private const int Frame = 12;

    /// <summary>Transparency, the largest that counts, has less.</summary>
    private const int LargestExtra = 1 << 16;

    public static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The chunk that ends a file, for a file that lacks it.</summary>
    public static ReadOnlySpan<byte> End => [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82];

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        ReadOnlySpan<byte> header = [];
        int? exif = null;
        int? profile = null;
        int? xmp = null;
        bool hasData = false;
        bool hasEnd = false;
        int at = Signature.Length;
        while (!hasEnd)
        {
            if (at > file.Length - Frame)
                break;
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            ReadOnlySpan<byte> type = file.Slice(at + 4, 4);
            if (!IsChunkType(type))
                throw ImageException.Damaged($"damaged PNG: no chunk type at byte {at + 4}");
            if (length > int.MaxValue)
                throw ImageException.Damaged($"damaged PNG: chunk {Name(type)} at byte {at} claims {length} bytes");
            bool isData = type.SequenceEqual("IDAT"u8);
            if (length > file.Length - at - Frame)
            {
                if (hasData && !isData)
                    break; // no pixel is missing
                throw ImageHeader.Truncated("PNG", file.Length, $"inside chunk {Name(type)}");
            }

            ReadOnlySpan<byte> data = file.Slice(at + 8, (int)length);
            if (header.IsEmpty)
            {
                if (!type.SequenceEqual("IHDR"u8) || length != 13)
                    throw ImageException.Damaged($"damaged PNG: expected IHDR of 13 bytes first, found {Name(type)} of {length}");
                header = data;
                (uint width, uint height) = (BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]));
                ImageHeader.CheckSize("PNG", width, height, maxPixels);
            }

            // Critical chunks start with a capital. The data's own sums are the decoder's to check; here a wrong one
            // would cost a pass over the file. The last chunk says nothing but that it is the last.
            if (char.IsAsciiLetterUpper((char)type[0]) && !isData && !type.SequenceEqual("IEND"u8))
                CheckCrc(file, at, (int)length);
            if (type.SequenceEqual("eXIf"u8))
                exif = ExifReader.Find(data) ?? 0;
            PngText.Read(type, data, ref profile, ref xmp);
            hasData |= isData;
            hasEnd = type.SequenceEqual("IEND"u8);
            at += Frame + (int)length;
        }

        if (!hasEnd && (!hasData || !HasAllRows(file, header)))
            throw ImageHeader.Truncated("PNG", file.Length, "before its IEND chunk");
        if (!hasData)
            throw ImageException.Damaged("damaged PNG: it has no IDAT chunk");

        // As in Pillow: a text chunk counts only without eXIf, and XMP only where EXIF has no orientation.
        int? orientation = exif is null ? profile : exif > 0 ? exif : null;
        PngPixels pixels = Pixels(header);
        return new ImageHeader(ImageFormat.Png, pixels.Width, pixels.Height, orientation ?? xmp ?? 1)
        {
            LacksEnd = !hasEnd,
            Content = hasEnd ? Range.All : ..at,
            // libpng does not say what a color beyond the palette is.
            Pixels = pixels.IsPalette ? pixels : null,
        };
    }

    /// <summary>The reader of a PNG's pixels.</summary>
    /// <param name="file">A file that <see cref="Read"/> has seen.</param>
    /// <param name="start">Where it starts in the file that the reader is given.</param>
    public static PngPixels PixelsOf(ReadOnlySpan<byte> file, int start = 0) => Pixels(file.Slice(Signature.Length + 8, 13), start);

    /// <summary>The data of the first chunk of a type; empty where there is none.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> file, ReadOnlySpan<byte> type)
    {
        List<Range> chunks = Chunks(file, type);
        return chunks.Count == 0 ? [] : file[chunks[0]];
    }

    /// <summary>The compressed data of all whole IDAT chunks, one after the other.</summary>
    public static MemoryStream Data(ReadOnlySpan<byte> file)
    {
        var data = new MemoryStream();
        foreach (Range chunk in Chunks(file, "IDAT"u8))
            data.Write(file[chunk]);
        data.Position = 0;
        return data;
    }

    /// <summary>
    /// The file without large chunks that pixels do not need: texts, profiles, frames of an animation. libpng copies a
    /// chunk anew for each few kilobytes of it that it is given, which takes minutes for one of 20 MB.
    /// </summary>
    /// <param name="file">A file that <see cref="Read"/> has seen.</param>
    /// <returns>The same bytes where there are none.</returns>
    public static ReadOnlyMemory<byte> WithoutLargeExtras(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        MemoryStream? rest = null;
        int kept = 0; // all before it is in the rest
        for (int at = Signature.Length; at <= bytes.Length - Frame;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
            if (length > bytes.Length - at - Frame)
                break;
            int next = at + Frame + (int)length;
            if (length > LargestExtra && char.IsAsciiLetterLower((char)bytes[at + 4]))
            {
                rest ??= new MemoryStream();
                rest.Write(bytes[kept..at]);
                kept = next;
            }

            at = next;
        }

        rest?.Write(bytes[kept..]);
        return rest is null ? file : rest.GetBuffer().AsMemory(0, (int)rest.Length);
    }

    private static PngPixels Pixels(ReadOnlySpan<byte> header, int start = 0) => new()
    {
        Width = BinaryPrimitives.ReadInt32BigEndian(header),
        Height = BinaryPrimitives.ReadInt32BigEndian(header[4..]),
        Bits = header[8],
        Type = header[9],
        IsInterlaced = header[12] != 0,
        Start = start,
    };

    /// <summary>
    /// Checks the sums of the IDAT chunks, for a decoder that does not. The file has passed <see cref="Read"/>.
    /// </summary>
    public static void CheckDataCrcs(ReadOnlySpan<byte> file)
    {
        foreach (Range chunk in Chunks(file, "IDAT"u8))
            CheckCrc(file, chunk.Start.Value - 8, chunk.End.Value - chunk.Start.Value);
    }

    /// <summary>Where the data of the whole chunks of a type lie.</summary>
    private static List<Range> Chunks(ReadOnlySpan<byte> file, ReadOnlySpan<byte> wanted)
    {
        var chunks = new List<Range>();
        int at = Signature.Length;
        while (at <= file.Length - Frame)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            ReadOnlySpan<byte> type = file.Slice(at + 4, 4);
            if (type.SequenceEqual("IEND"u8) || length > file.Length - at - Frame)
                break;
            if (type.SequenceEqual(wanted))
                chunks.Add((at + 8)..(at + 8 + (int)length));
            at += Frame + (int)length;
        }

        return chunks;
    }

    /// <summary>Whether the compressed data hold as many bytes as the header asks for.</summary>
    private static bool HasAllRows(ReadOnlySpan<byte> file, ReadOnlySpan<byte> header)
    {
        using MemoryStream deflated = Data(file);
        long missing = DataLength(header);
        byte[] buffer = new byte[1 << 14];
        try
        {
            using var rows = new ZLibStream(deflated, CompressionMode.Decompress);
            while (missing > 0)
            {
                int read = rows.Read(buffer);
                if (read == 0)
                    break;
                missing -= read;
            }
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException) // the latter where it needs a dictionary
        {
            return false;
        }

        return missing <= 0;
    }

    /// <summary>
    /// Bytes of all rows, each with its filter's byte, over the passes of an interlaced picture (PNG specification,
    /// 8.2).
    /// </summary>
    private static long DataLength(ReadOnlySpan<byte> header)
    {
        long width = BinaryPrimitives.ReadInt32BigEndian(header);
        long height = BinaryPrimitives.ReadInt32BigEndian(header[4..]);
        int bits = header[8] * header[9] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        if (header[12] == 0)
            return Pass(width, height);
        ReadOnlySpan<(int Left, int Top, int Across, int Down)> passes =
            [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        long length = 0;
        foreach ((int left, int top, int across, int down) in passes)
            length += Pass((width - left + across - 1) / across, (height - top + down - 1) / down);
        return length;

        long Pass(long columns, long rows) => columns <= 0 || rows <= 0 ? 0 : rows * (1 + (columns * bits + 7) / 8);
    }

    private static void CheckCrc(ReadOnlySpan<byte> file, int at, int length)
    {
        if (Crc32.HashToUInt32(file.Slice(at + 4, 4 + length)) != BinaryPrimitives.ReadUInt32BigEndian(file[(at + 8 + length)..]))
            throw ImageException.Damaged($"damaged PNG: chunk {Name(file.Slice(at + 4, 4))} at byte {at} does not match its checksum");
    }

    private static bool IsChunkType(ReadOnlySpan<byte> type)
    {
        foreach (byte letter in type)
        {
            if (!char.IsAsciiLetter((char)letter))
                return false;
        }

        return true;
    }

    private static string Name(ReadOnlySpan<byte> type) => System.Text.Encoding.ASCII.GetString(type);
}
