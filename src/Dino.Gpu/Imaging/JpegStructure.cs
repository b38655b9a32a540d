using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Walks the marker segments of a JPEG (ITU-T T.81, annex B) from SOI to EOI.</summary>
internal static class JpegStructure
{
    private const byte HuffmanTables = 0xC4;
    private const byte RestartInterval = 0xDD;
    private const byte StartOfScan = 0xDA;
    public const byte EndOfImage = 0xD9;
    private const byte App1 = 0xE1;

    /// <summary>No marker: the file ends.</summary>
    public const byte None = 0;

    private const string Supported = "expected baseline or progressive, 8 bits a sample";

    public static ReadOnlySpan<byte> Signature => [0xFF, 0xD8, 0xFF];

    /// <param name="file">All bytes of the file.</param>
    /// <param name="maxPixels">Most pixels that the picture may have.</param>
    /// <param name="hasAnySamples">
    /// Whether the components may be any one to four samples, as in a TIFF, and not only those of a color.
    /// </param>
    /// <exception cref="DinoException">The file is truncated, damaged, too large or of a kind that is not read.</exception>
    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels, bool hasAnySamples = false)
    {
        JpegFrame? frame = null;
        bool hasScan = false;
        bool hasTables = false;
        bool hasRestarts = false;
        ReadOnlySpan<byte> exif = [];
        MemoryStream? joined = null; // of several such segments
        int? xmp = null;
        int at = 2;
        byte marker;
        while ((marker = NextMarker(file, ref at)) is not (EndOfImage or None))
        {
            if (marker is 0x01 or >= 0xD0 and <= 0xD8)
                continue; // TEM, RSTn, SOI: no segment follows

            int length = at + 2 <= file.Length ? BinaryPrimitives.ReadUInt16BigEndian(file[at..]) : 2;
            if (length < 2)
                throw ImageException.Damaged($"damaged JPEG: segment FF{marker:X2} at byte {at} claims {length} bytes");
            if (at + 2 > file.Length || at + length > file.Length)
                throw ImageHeader.Truncated("JPEG", file.Length, $"inside segment FF{marker:X2}");
            ReadOnlySpan<byte> segment = file[(at + 2)..(at + length)];

            // C0 to CF start a frame, but for the Huffman tables (C4), the extension (C8) and the arithmetic coding
            // conditions (CC). F7 is that of JPEG-LS.
            if ((marker is >= 0xC0 and <= 0xCF and not (HuffmanTables or 0xC8 or 0xCC) || marker == 0xF7) && frame is null)
                frame = Frame(marker, segment, maxPixels, hasAnySamples);
            else if (marker == HuffmanTables)
                hasTables = true;
            else if (marker == RestartInterval)
                hasRestarts = segment.ContainsAnyExcept((byte)0);
            else if (marker == App1 && !hasScan) // Pillow looks no further than the first scan
                ReadOrientation(segment, ref exif, ref joined, ref xmp);
            else if (marker == StartOfScan)
            {
                hasScan = true;
                frame?.AddScan(segment);
            }

            at += length;
        }

        // Without its end a picture may still have all its rows. With restart markers nobody could tell which ones are
        // missing.
        if (marker == None && (frame is not { IsComplete: true } || hasRestarts))
            throw MissingEnd(file.Length);
        if (frame is null || !hasScan)
            throw ImageException.Damaged("damaged JPEG: it ends without a picture");
        int? orientation = ExifReader.Find(joined is null ? exif : joined.GetBuffer().AsSpan(0, (int)joined.Length));
        return new ImageHeader(ImageFormat.Jpeg, frame.Width, frame.Height, orientation ?? xmp ?? 1)
        {
            LacksEnd = marker == None,
            LacksTables = !hasTables && frame.IsHuffmanBaseline,
        };
    }

    /// <summary>The refusal of a file that ends before its last marker, and without all of its rows.</summary>
    public static ImageException MissingEnd(int length) => ImageHeader.Truncated("JPEG", length, "before its end-of-image marker");

    /// <summary>Reads EXIF, which may go on in further segments as in today's Pillow, or XMP.</summary>
    /// <param name="segment">Of the kind APP1.</param>
    /// <param name="exif">The first with EXIF.</param>
    /// <param name="joined">All with EXIF, if there are several.</param>
    /// <param name="xmp">The orientation by XMP.</param>
    private static void ReadOrientation(ReadOnlySpan<byte> segment, ref ReadOnlySpan<byte> exif, ref MemoryStream? joined, ref int? xmp)
    {
        if (segment.StartsWith(XmpReader.JpegNamespace))
        {
            xmp = XmpReader.Orientation(segment);
        }
        else if (segment.StartsWith(ExifReader.Start) && exif.IsEmpty)
        {
            exif = segment;
        }
        else if (segment.StartsWith(ExifReader.Start))
        {
            if (joined is null)
            {
                joined = new MemoryStream();
                joined.Write(exif);
            }

            joined.Write(segment[ExifReader.Start.Length..]);
        }
    }

    private static JpegFrame Frame(byte marker, ReadOnlySpan<byte> segment, long maxPixels, bool hasAnySamples)
    {
        if (segment.Length < 6)
            throw ImageException.Damaged("damaged JPEG: its frame header is too short");
        string? kind = marker switch
        {
            0xC0 or 0xC1 or 0xC2 => segment[0] == 8 ? null : $"{segment[0]}-bit",
            0xC3 or 0xC7 or 0xCB or 0xCF => "lossless",
            0xC5 or 0xC6 or 0xCD or 0xCE => "hierarchical",
            0xF7 => "near-lossless (JPEG-LS)",
            _ => "arithmetic-coded",
        };
        if (kind is not null)
            throw ImageException.Unsupported($"{kind} JPEG is not supported ({Supported})", "convert the file to PNG");
        int height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]);
        int width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
        if (height == 0 && width > 0)
        {
            throw ImageException.Unsupported(
                $"JPEG without pixels: its header says {width}x0, as where the height stands behind the first scan (DNL), "
                    + "which is not supported");
        }

        ImageHeader.CheckSize("JPEG", width, height, maxPixels);
        int components = segment[5];
        if (components is not (1 or 3 or 4) && !(hasAnySamples && components == 2))
            throw ImageException.Unsupported($"JPEG of {components} components is not supported (expected 1, 3 or 4)");
        if (segment.Length < 6 + 3 * components)
            throw ImageException.Damaged("damaged JPEG: its frame header is too short");
        return new JpegFrame(width, height, isHuffmanBaseline: marker != 0xC2, segment.Slice(6, 3 * components));
    }

    /// <summary>
    /// The next marker, past entropy-coded data (in which FF is stuffed as FF00), restarts and fill bytes. Other stray
    /// bytes are skipped, as decoders do.
    /// </summary>
    public static byte NextMarker(ReadOnlySpan<byte> file, ref int at)
    {
        while (true)
        {
            int skip = at < file.Length ? file[at..].IndexOf((byte)0xFF) : -1;
            if (skip < 0 || at + skip + 1 >= file.Length)
                return None;
            at += skip + 1;
            byte marker = file[at];
            if (marker == 0xFF)
                continue; // fill byte: this FF may start the marker
            at++;
            if (marker is not (0x00 or >= 0xD0 and <= 0xD7))
                return marker;
        }
    }
}
