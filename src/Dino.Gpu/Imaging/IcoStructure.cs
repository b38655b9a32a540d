using System.Buffers.Binary;
using System.Numerics;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Reads the directory of a Windows icon. The largest picture counts, of equal ones that with most colors, as in
/// Pillow.
/// </summary>
internal static class IcoStructure
{
    private const int DirectoryHeader = 6;
    private const int EntryLength = 16;

    /// <summary>Whether a file starts with the directory of an icon that lists a picture behind it.</summary>
    public static bool IsIcon(ReadOnlySpan<byte> file) =>
        file.Length >= DirectoryHeader + EntryLength
        && file.StartsWith<byte>([0, 0, 1, 0])
        && BinaryPrimitives.ReadUInt16LittleEndian(file[4..]) is var count and > 0
        && BinaryPrimitives.ReadUInt32LittleEndian(file[(DirectoryHeader + 12)..]) >= DirectoryHeader + EntryLength * count;

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file[4..]);
        if (file.Length < DirectoryHeader + EntryLength * count)
            throw ImageHeader.Truncated("ICO", file.Length, "inside its directory");
        (int Area, int Depth) best = default;
        long offset = 0;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = file.Slice(DirectoryHeader + EntryLength * i, EntryLength);
            int area = (entry[0] == 0 ? 256 : entry[0]) * (entry[1] == 0 ? 256 : entry[1]);
            int depth = BinaryPrimitives.ReadUInt16LittleEndian(entry[6..]);
            if (depth == 0)
                depth = entry[2] == 0 ? 256 : entry[2] == 1 ? 256 : BitOperations.Log2((uint)entry[2] - 1) + 1;
            if ((area, depth).CompareTo(best) < 0)
                continue; // of equal ones the last
            best = (area, depth);
            offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]);
        }

        if (offset > file.Length - PngStructure.Signature.Length)
            throw ImageHeader.Truncated("ICO", file.Length, "before its picture");
        ReadOnlySpan<byte> picture = file[(int)offset..];
        if (picture.StartsWith(PngStructure.Signature))
        {
            ImageHeader png = PngStructure.Read(picture, maxPixels);
            return png with
            {
                Orientation = 1, // Pillow takes the pixels alone
                Content = (int)offset..(int)(offset + png.Content.End.GetOffset(picture.Length)),
                Pixels = png.Pixels is null ? null : PngStructure.PixelsOf(picture, (int)offset),
            };
        }

        BmpPixels bitmap = BmpStructure.Read(file, (int)offset, pixels: 0, ImageFormat.Ico, maxPixels);
        return new ImageHeader(ImageFormat.Ico, bitmap.Width, bitmap.Height, 1) { Pixels = bitmap };
    }
}
