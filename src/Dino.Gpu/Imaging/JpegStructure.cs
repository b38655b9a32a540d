using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Walks the marker segments of a JPEG (ITU-T T.81, annex B) from SOI to EOI.</summary>
internal static class JpegStructure
{
    private const byte StartOfScan = 0xDA;
    private const byte EndOfImage = 0xD9;
    private const byte App1 = 0xE1;

    public static ReadOnlySpan<byte> Signature => [0xFF, 0xD8, 0xFF];

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        int width = 0;
        int height = 0;
        bool hasScan = false;
        int orientation = 0;
        int at = 2;
        while (true)
        {
            byte marker = NextMarker(file, ref at);
            if (marker == EndOfImage)
                break;
            if (marker is 0x01 or >= 0xD0 and <= 0xD8)
                continue; // TEM, RSTn, SOI: no segment follows

            int length = at + 2 <= file.Length ? BinaryPrimitives.ReadUInt16BigEndian(file[at..]) : 2;
            if (length < 2)
                throw new DinoException($"damaged JPEG: segment FF{marker:X2} at byte {at} claims {length} bytes");
            if (at + 2 > file.Length || at + length > file.Length)
                throw ImageHeader.Truncated("JPEG", file.Length, $"inside segment FF{marker:X2}");
            ReadOnlySpan<byte> segment = file[(at + 2)..(at + length)];

            // C0 to CF start a frame, but for the Huffman tables (C4), the extension (C8) and the arithmetic coding conditions (CC).
            if (marker is >= 0xC0 and <= 0xCF && marker is not (0xC4 or 0xC8 or 0xCC) && width == 0)
            {
                if (segment.Length < 6)
                    throw new DinoException("damaged JPEG: its frame header is too short");
                height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]);
                width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
                ImageHeader.CheckSize("JPEG", width, height, maxPixels);
            }
            else if (marker == App1 && orientation == 0 && segment.StartsWith("Exif\0"u8))
            {
                orientation = ExifReader.Orientation(segment);
            }
            else if (marker == StartOfScan)
            {
                hasScan = true;
            }

            at += length;
        }

        if (width == 0 || !hasScan)
            throw new DinoException("damaged JPEG: it ends without a picture");
        return new ImageHeader(ImageFormat.Jpeg, width, height, Math.Max(orientation, 1));
    }

    /// <summary>
    /// The next marker, past entropy-coded data (in which FF is stuffed as FF00), restarts and fill bytes. Other stray bytes are skipped, as decoders do.
    /// </summary>
    private static byte NextMarker(ReadOnlySpan<byte> file, ref int at)
    {
        while (true)
        {
            int skip = at < file.Length ? file[at..].IndexOf((byte)0xFF) : -1;
            if (skip < 0 || at + skip + 1 >= file.Length)
                throw ImageHeader.Truncated("JPEG", file.Length, "before its end-of-image marker");
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
