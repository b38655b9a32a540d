using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Reads the headers of a Windows bitmap and checks that its rows are all there.</summary>
internal static class BmpStructure
{
    private const int FileHeader = 14;

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        if (file.Length < FileHeader + 12)
            throw ImageHeader.Truncated("BMP", file.Length, "inside its header");
        uint pixels = BinaryPrimitives.ReadUInt32LittleEndian(file[10..]);
        ReadOnlySpan<byte> info = file[FileHeader..];
        uint infoLength = BinaryPrimitives.ReadUInt32LittleEndian(info);
        if (infoLength != 12 && infoLength is < 40 or > 255)
            throw new DinoException($"not an image: starts like a BMP, but its header claims {infoLength} bytes");
        if (info.Length < infoLength)
            throw ImageHeader.Truncated("BMP", file.Length, "inside its header");

        bool isCore = infoLength == 12; // OS/2 1.x: 16-bit sides, no compression
        long width = isCore ? BinaryPrimitives.ReadUInt16LittleEndian(info[4..]) : BinaryPrimitives.ReadInt32LittleEndian(info[4..]);
        long height = isCore ? BinaryPrimitives.ReadUInt16LittleEndian(info[6..]) : BinaryPrimitives.ReadInt32LittleEndian(info[8..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(info[(isCore ? 10 : 14)..]);
        uint compression = isCore ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(info[16..]);
        height = Math.Abs(height); // negative: rows from the top
        ImageHeader.CheckSize("BMP", width, height, maxPixels);

        // Rows are padded to 4 bytes. Run-length coded ones (compression 1, 2) have no length that follows from the size.
        long rows = compression is 0 or 3 ? (width * bits + 31) / 32 * 4 * height : 0;
        if (pixels + rows > file.Length)
            throw ImageHeader.Truncated("BMP", file.Length, $"and should have {pixels + rows}");
        return new ImageHeader(ImageFormat.Bmp, (int)width, (int)height, 1);
    }
}
