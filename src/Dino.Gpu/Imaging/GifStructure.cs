using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Reads the screen size of a GIF and walks its blocks to the end of the first frame, the only one that is decoded.</summary>
internal static class GifStructure
{
    private const int ScreenDescriptor = 13;

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        if (file.Length < ScreenDescriptor)
            throw ImageHeader.Truncated("GIF", file.Length, "inside its header");
        int width = BinaryPrimitives.ReadUInt16LittleEndian(file[6..]);
        int height = BinaryPrimitives.ReadUInt16LittleEndian(file[8..]);
        ImageHeader.CheckSize("GIF", width, height, maxPixels);

        int at = ScreenDescriptor + ColorTable(file[10]);
        while (true)
        {
            switch (Byte(file, at))
            {
                case 0x21: // extension: label, blocks
                    at = SkipBlocks(file, at + 2);
                    break;
                case 0x2C: // frame: position and size, its own colors, code size, blocks
                    _ = Byte(file, at + 9);
                    // A frame may reach beyond the screen, and some decoders make room for all of it.
                    ImageHeader.CheckSize("GIF", Math.Max(width, Side(file, at + 1) + Side(file, at + 5)), Math.Max(height, Side(file, at + 3) + Side(file, at + 7)), maxPixels);
                    at = SkipBlocks(file, at + 10 + ColorTable(Byte(file, at + 9)) + 1);
                    _ = Byte(file, at); // the trailer or another frame follows
                    return new ImageHeader(ImageFormat.Gif, width, height, 1);
                case 0x3B:
                    throw new DinoException("damaged GIF: it ends without a picture");
                default:
                    throw new DinoException($"damaged GIF: unknown block {file[at]:X2} at byte {at}");
            }
        }
    }

    private static int Side(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file[at..]);

    private static int ColorTable(byte flags) => (flags & 0x80) != 0 ? 3 << (flags & 7) + 1 : 0;

    private static int SkipBlocks(ReadOnlySpan<byte> file, int at)
    {
        while (true)
        {
            int length = Byte(file, at++);
            if (length == 0)
                return at;
            at += length;
        }
    }

    private static byte Byte(ReadOnlySpan<byte> file, int at) =>
        at < file.Length ? file[at] : throw ImageHeader.Truncated("GIF", file.Length, "before its first frame is complete");
}
