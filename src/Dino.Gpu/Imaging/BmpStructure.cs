using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Reads the headers of a bitmap of Windows or OS/2 and checks that its rows are all there.</summary>
internal static class BmpStructure
{
    private const int FileHeader = 14;
    private const int CoreHeader = 12;
    private const int ShortHeader = 16; // OS/2 2.x: what it leaves out is 0
    private const int FullHeader = 40;
    private const uint Bitfields = 3;
    private const uint AlphaBitfields = 6; // of Windows CE: with a fourth mask

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        if (file.Length < FileHeader + CoreHeader)
            throw ImageHeader.Truncated("BMP", file.Length, "inside its header");
        BmpPixels bitmap = Read(file, FileHeader, BinaryPrimitives.ReadUInt32LittleEndian(file[10..]), ImageFormat.Bmp, maxPixels);
        return new ImageHeader(ImageFormat.Bmp, bitmap.Width, bitmap.Height, 1) { Pixels = bitmap, LacksEnd = bitmap.End > file.Length };
    }

    /// <summary>Reads a bitmap's header, in a file of its own or in an icon.</summary>
    /// <param name="file">All bytes of the file.</param>
    /// <param name="header">Where the header is.</param>
    /// <param name="pixels">Where the pixels are; 0 for behind the header and its colors.</param>
    /// <param name="format">BMP, or ICO: there the header counts a mask below the picture as rows, too.</param>
    /// <param name="maxPixels">Most pixels that the picture may have.</param>
    public static BmpPixels Read(ReadOnlySpan<byte> file, int header, long pixels, ImageFormat format, long maxPixels)
    {
        string name = ImageHeader.NameOf(format);
        if (header > file.Length - CoreHeader)
            throw ImageHeader.Truncated(name, file.Length, "inside its header");
        scoped ReadOnlySpan<byte> info = file[header..];
        uint infoLength = BinaryPrimitives.ReadUInt32LittleEndian(info);
        if (infoLength is not (CoreHeader or ShortHeader or >= FullHeader and <= 255))
            throw ImageException.NotAnImage($"not an image: starts like a {name}, but its header claims {infoLength} bytes");
        if (info.Length < infoLength)
            throw ImageHeader.Truncated(name, file.Length, "inside its header");

        Span<byte> known = stackalloc byte[FullHeader];
        if (infoLength < FullHeader)
        {
            info[..(int)infoLength].CopyTo(known);
            info = known;
        }

        bool isCore = infoLength == CoreHeader; // OS/2 1.x: 16-bit sides, no compression, colors of three bytes
        long width = isCore ? BinaryPrimitives.ReadUInt16LittleEndian(info[4..]) : BinaryPrimitives.ReadInt32LittleEndian(info[4..]);
        long height = isCore ? BinaryPrimitives.ReadUInt16LittleEndian(info[6..]) : BinaryPrimitives.ReadInt32LittleEndian(info[8..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(info[(isCore ? 10 : 14)..]);
        uint compression = isCore ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(info[16..]);
        long colorCount = isCore ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(info[32..]);
        bool isTopDown = height < 0;
        height = Math.Abs(height);
        if (format == ImageFormat.Ico)
            height /= 2;
        ImageHeader.CheckSize(name, width, height, maxPixels);
        if (bits == 0 && compression is 4 or 5)
            throw ImageException.Unsupported($"{name} that holds a {(compression == 4 ? "JPEG" : "PNG")} is not supported");
        if (bits is not (1 or 2 or 4 or 8 or 16 or 24 or 32))
            throw ImageException.Unsupported($"{name} of {bits} bits a pixel is not supported (expected 1, 2, 4, 8, 16, 24 or 32)");
        bool isRunLength = compression == 1 && bits == 8 || compression == 2 && bits == 4;
        bool hasMasks = compression is Bitfields or AlphaBitfields && bits is 16 or 24 or 32;
        if (!isRunLength && compression != 0 && !hasMasks)
            throw ImageException.Unsupported(
                $"{name} of compression {compression} with {bits} bits a pixel is not supported (expected none, RLE8, RLE4 or bit fields)");

        if (colorCount == 0 && bits <= 8)
            colorCount = 1 << bits;
        long colors = header + infoLength;
        (uint Red, uint Green, uint Blue) masks = bits == 16 ? (0x7C00u, 0x03E0u, 0x001Fu) : (0x00FF0000u, 0x0000FF00u, 0x000000FFu);
        if (hasMasks)
        {
            if (header + 52 > file.Length)
                throw ImageHeader.Truncated(name, file.Length, "inside its header");
            // The masks follow the header of Windows 3 and are a part of the later ones, at the same place.
            ReadOnlySpan<byte> fields = file[(header + FullHeader)..];
            (uint, uint, uint) given = (
                BinaryPrimitives.ReadUInt32LittleEndian(fields),
                BinaryPrimitives.ReadUInt32LittleEndian(fields[4..]),
                BinaryPrimitives.ReadUInt32LittleEndian(fields[8..]));
            if (given != (0u, 0u, 0u))
                masks = given;
            if (infoLength == FullHeader)
                colors += compression == AlphaBitfields ? 16 : 12;
        }

        if (bits > 8)
            colorCount = 0;
        else if (pixels == header + infoLength)
            pixels += 4 * colorCount; // a file that has forgotten its colors in this sum, as in Pillow
        if (pixels == 0)
            pixels = colors + colorCount * (isCore ? 3 : 4);

        // Rows are padded to 4 bytes. Run-length coded ones have no length that follows from the size.
        long stride = (width * bits + 31) / 32 * 4;
        long end = isRunLength ? pixels : pixels + stride * height;
        long padding = isRunLength ? 0 : stride - (width * bits + 7) / 8; // some writers omit that of the last row, and Pillow reads on
        if (end - padding > file.Length)
            throw ImageHeader.Truncated(name, file.Length, $"and should have {end}");
        return new BmpPixels(name, (int)width, (int)height, bits)
        {
            IsTopDown = isTopDown,
            IsRunLength = isRunLength,
            Colors = (int)colors,
            ColorCount = (int)Math.Min(colorCount, 256),
            ColorLength = isCore ? 3 : 4,
            Masks = masks,
            Start = (int)pixels,
            End = end,
        };
    }
}
