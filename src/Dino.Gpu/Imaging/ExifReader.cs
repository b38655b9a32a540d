using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Reads the one EXIF tag that changes pixels. Metadata is often damaged in pictures that are fine, so anything odd
/// reads as upright.
/// </summary>
internal static class ExifReader
{
    private const int OrientationTag = 0x0112;

    /// <summary>The orientation in a TIFF structure, as APP1, eXIf and EXIF chunks hold it.</summary>
    /// <param name="tiff">The structure, from its byte-order mark on; a leading <c>Exif\0\0</c> is skipped.</param>
    /// <returns>1 to 8; 1 when there is none.</returns>
    public static int Orientation(ReadOnlySpan<byte> tiff) => Find(tiff) ?? 1;

    /// <summary>As <see cref="Orientation"/>, but null when there is none, so that another place may have it.</summary>
    public static int? Find(ReadOnlySpan<byte> tiff)
    {
        if (tiff.StartsWith("Exif\0"u8))
            tiff = tiff.Length > 6 ? tiff[6..] : [];
        bool little = tiff.StartsWith("II"u8);
        if (tiff.Length < 8 || !little && !tiff.StartsWith("MM"u8))
            return null;

        uint directory = Int32(tiff[4..], little);
        if (directory > (uint)tiff.Length - 2)
            return null;
        int entries = Int16(tiff[(int)directory..], little);
        for (int entry = 0; entry < entries; entry++)
        {
            long at = directory + 2L + 12L * entry;
            if (at + 12 > tiff.Length)
                return null;
            ReadOnlySpan<byte> field = tiff.Slice((int)at, 12); // tag, type, count, value
            if (Int16(field, little) != OrientationTag)
                continue;
            long value = Int16(field[2..], little) switch
            {
                3 => Int16(field[8..], little),    // SHORT, what the standard asks for
                4 => Int32(field[8..], little),    // LONG
                _ => 1,
            };
            return value is >= 1 and <= 8 ? (int)value : 1;
        }

        return null;
    }

    private static ushort Int16(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static uint Int32(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
