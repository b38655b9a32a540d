using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Walks the RIFF chunks of a WebP for its size (VP8, VP8L or VP8X) and its orientation.</summary>
internal static class WebPStructure
{
    private const int FirstChunk = 12; // behind RIFF, a length and WEBP
    private const int HasXmp = 4;
    private const int HasExif = 8;

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        long end = 8L + BinaryPrimitives.ReadUInt32LittleEndian(file[4..]);
        int width = 0;
        int height = 0;
        int? exif = null;
        int? xmp = null;
        int features = 0; // flags of VP8X, a file's first chunk if it has metadata
        for (int at = FirstChunk; at + 8L <= Math.Min(end, file.Length);)
        {
            ReadOnlySpan<byte> type = file.Slice(at, 4);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 4)..]);
            ReadOnlySpan<byte> data = file.Slice(at + 8, (int)Math.Min(length, file.Length - at - 8));
            // Every picture in the file counts: a frame that is larger than its canvas must not pass.
            (int pictureWidth, int pictureHeight) = Size(type, data);
            if (pictureWidth != 0)
                ImageHeader.CheckSize("WebP", pictureWidth, pictureHeight, maxPixels);
            if (width == 0)
                (width, height) = (pictureWidth, pictureHeight);
            if (length > file.Length - at - 8)
                throw ImageHeader.Truncated("WebP", file.Length, $"inside chunk {System.Text.Encoding.ASCII.GetString(type).Trim()}");
            // As in libwebp's demuxer: of each kind the first chunk counts, and only if a flag says that there is one.
            if (at == FirstChunk && type.SequenceEqual("VP8X"u8) && !data.IsEmpty)
            {
                features = data[0];
            }
            else if (type.SequenceEqual("EXIF"u8) && (features & HasExif) != 0)
            {
                exif = ExifReader.Find(data);
                features &= ~HasExif;
            }
            else if (type.SequenceEqual("XMP "u8) && (features & HasXmp) != 0)
            {
                xmp = XmpReader.Orientation(data);
                features &= ~HasXmp;
            }

            at = (int)Math.Min(at + 8L + length + (length & 1), int.MaxValue); // chunks start at even offsets
        }

        if (end > file.Length)
            throw ImageHeader.Truncated("WebP", file.Length, $"and should have {end}");
        if (width == 0)
            throw ImageException.Damaged("damaged WebP: it has no picture");
        return new ImageHeader(ImageFormat.WebP, width, height, exif ?? xmp ?? 1);
    }

    /// <summary>
    /// The size in one of the four chunks that can hold it, or (0, 0). The first such chunk in a file has the canvas's
    /// size. A frame (ANMF) has two sizes; the larger one counts.
    /// </summary>
    private static (int Width, int Height) Size(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        if (type.SequenceEqual("VP8X"u8) && data.Length >= 10) // 24 bits each, less one
        {
            int lastColumn = BinaryPrimitives.ReadInt32LittleEndian(data[4..]) & 0xFFFFFF;
            return (lastColumn + 1, (BinaryPrimitives.ReadInt32LittleEndian(data[6..]) >>> 8) + 1);
        }

        if (type.SequenceEqual("ANMF"u8) && data.Length >= 24) // position, size, duration, flags; then the frame's own chunk
        {
            (int frameWidth, int frameHeight) = Size(data.Slice(16, 4), data[24..]);
            return (Math.Max(frameWidth, (BinaryPrimitives.ReadInt32LittleEndian(data[6..]) & 0xFFFFFF) + 1),
                Math.Max(frameHeight, (BinaryPrimitives.ReadInt32LittleEndian(data[9..]) & 0xFFFFFF) + 1));
        }

        if (type.SequenceEqual("VP8L"u8) && data.Length >= 5 && data[0] == 0x2F) // 14 bits each, less one
        {
            uint bits = BinaryPrimitives.ReadUInt32LittleEndian(data[1..]);
            return ((int)(bits & 0x3FFF) + 1, (int)(bits >> 14 & 0x3FFF) + 1);
        }

        // 14 bits, 2 bits of scaling
        if (type.SequenceEqual("VP8 "u8) && data.Length >= 10 && data[3..].StartsWith<byte>([0x9D, 0x01, 0x2A]))
        {
            int width = BinaryPrimitives.ReadUInt16LittleEndian(data[6..]) & 0x3FFF;
            return (width, BinaryPrimitives.ReadUInt16LittleEndian(data[8..]) & 0x3FFF);
        }

        return (0, 0);
    }
}
