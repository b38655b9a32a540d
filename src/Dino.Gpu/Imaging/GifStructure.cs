using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Reads the screen size of a GIF and walks its blocks to the end of the first frame, the only one that is decoded.
/// </summary>
internal static class GifStructure
{
    private const int ScreenDescriptor = 13;
    private const byte GraphicControl = 0xF9;

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        if (file.Length < ScreenDescriptor)
            throw ImageHeader.Truncated("GIF", file.Length, "inside its header");
        int width = Int16(file, 6);
        int height = Int16(file, 8);
        Range colors = ColorTable(ScreenDescriptor, file[10]);
        int? transparent = null;
        int at = colors.End.Value;
        bool hasFrame = at < file.Length; // which gives a screen without a size one
        ImageHeader.CheckSize("GIF", hasFrame ? Math.Max(width, 1) : width, hasFrame ? Math.Max(height, 1) : height, maxPixels);
        while (true)
        {
            switch (Byte(file, at))
            {
                case 0x21: // extension: label, blocks
                    if (Byte(file, at + 1) == GraphicControl && Byte(file, at + 2) >= 4 && (Byte(file, at + 3) & 1) != 0)
                        transparent = Byte(file, at + 6);
                    at = SkipBlocks(file, at + 2);
                    break;
                case 0x2C: // frame: position and size, its own colors, code size, blocks
                    byte flags = Byte(file, at + 9);
                    int left = Int16(file, at + 1);
                    int top = Int16(file, at + 3);
                    int frameWidth = Int16(file, at + 5);
                    int frameHeight = Int16(file, at + 7);
                    // A frame may reach beyond the screen, which then grows.
                    width = Math.Max(width, left + frameWidth);
                    height = Math.Max(height, top + frameHeight);
                    ImageHeader.CheckSize("GIF", width, height, maxPixels);
                    Range ownColors = ColorTable(at + 10, flags);
                    int codeSize = ownColors.End.Value;
                    byte bits = Byte(file, codeSize);
                    int end = EndOfBlocks(file, codeSize + 1);
                    return new ImageHeader(ImageFormat.Gif, width, height, 1)
                    {
                        LacksEnd = end >= file.Length, // nothing follows; all pixels may be there nevertheless
                        Pixels = new GifFrame(width, height)
                        {
                            Left = left,
                            Top = top,
                            FrameWidth = frameWidth,
                            FrameHeight = frameHeight,
                            IsInterlaced = (flags & 0x40) != 0,
                            Colors = (flags & 0x80) != 0 ? ownColors : colors,
                            Transparent = transparent,
                            CodeSize = bits,
                            Data = (codeSize + 1)..Math.Min(end, file.Length),
                        },
                    };
                case 0x3B:
                    throw ImageException.Damaged("damaged GIF: it ends without a picture");
                default: // as in Pillow, what is no block is passed over
                    at++;
                    break;
            }
        }
    }

    private static int Int16(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file[at..]);

    /// <summary>Where a table of colors lies; empty where the flags say that there is none.</summary>
    private static Range ColorTable(int at, byte flags) => at..(at + ((flags & 0x80) != 0 ? 3 << (flags & 7) + 1 : 0));

    private static int SkipBlocks(ReadOnlySpan<byte> file, int at)
    {
        int end = EndOfBlocks(file, at);
        _ = Byte(file, end); // the trailer or a frame follows
        return end;
    }

    /// <summary>Where blocks end; at the end of the file or behind it, where they are cut short.</summary>
    private static int EndOfBlocks(ReadOnlySpan<byte> file, int at)
    {
        while (at < file.Length)
        {
            int length = file[at++];
            if (length == 0)
                break;
            at += length;
        }

        return at;
    }

    private static byte Byte(ReadOnlySpan<byte> file, int at) =>
        at < file.Length ? file[at] : throw ImageHeader.Truncated("GIF", file.Length, "before its first frame is complete");
}
