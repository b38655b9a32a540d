using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Reads the one EXIF tag that changes pixels. Metadata is often damaged in pictures that are fine, so anything odd
/// reads as upright.
/// </summary>
internal static class ExifReader
{
    private const int OrientationTag = 0x0112;
    private const int Ifd = 13; // the last type of TIFF 6 and its supplements

    /// <summary>What stands before the structure in a JPEG, and elsewhere in some files.</summary>
    public static ReadOnlySpan<byte> Start => "Exif\0\0"u8;

    /// <summary>The orientation in a TIFF structure, as APP1, eXIf and EXIF chunks hold it.</summary>
    /// <param name="tiff">The structure, from its byte-order mark on; leading <c>Exif\0\0</c> are skipped.</param>
    /// <returns>1 to 8; 1 when there is none.</returns>
    public static int Orientation(ReadOnlySpan<byte> tiff) => Find(tiff) ?? 1;

    /// <summary>
    /// As <see cref="Orientation"/>, but null when there is none, so that another place may have it. As in Pillow, the
    /// last of several counts, and of a directory that is cut short what is there.
    /// </summary>
    public static int? Find(ReadOnlySpan<byte> tiff)
    {
        while (tiff.StartsWith(Start))
            tiff = tiff[Start.Length..];
        bool little = tiff.StartsWith("II"u8);
        bool isTiff = tiff.Length >= 8 && (little || tiff.StartsWith("MM"u8)) && tiff[2..4] is [0, 42] or [42, 0]; // Pillow takes both
        if (!isTiff)
            return null;

        uint directory = Int32(tiff[4..], little);
        if (directory > (uint)tiff.Length - 2)
            return null;
        int? found = null;
        int entries = Int16(tiff[(int)directory..], little);
        for (int entry = 0; entry < entries; entry++)
        {
            long at = directory + 2L + 12L * entry;
            if (at + 12 > tiff.Length)
                break;
            ReadOnlySpan<byte> field = tiff.Slice((int)at, 12); // tag, type, count, value
            int type = Int16(field[2..], little);
            if (type is < 1 or > Ifd)
                continue;
            long length = (long)TiffStructure.TypeLengths[type] * Int32(field[4..], little);
            if (length > 4 && Int32(field[8..], little) + length > tiff.Length)
                break; // as Pillow, which reads no further than a value that is cut short
            if (Int16(field, little) != OrientationTag || length == 0)
                continue;
            long value = type switch
            {
                3 or 8 => Int16(field[8..], little), // SHORT, what the standard asks for, and SSHORT
                4 or 9 or Ifd => Int32(field[8..], little), // LONG, SLONG and IFD
                6 => field[8], // SBYTE; BYTE are bytes to Pillow, and no number
                _ => 1,
            };
            found = value is >= 1 and <= 8 ? (int)value : 1;
        }

        return found;
    }

    private static ushort Int16(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static uint Int32(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
