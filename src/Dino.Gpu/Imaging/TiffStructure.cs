using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>Reads size and orientation from the first directory of a TIFF (version 6) or BigTIFF.</summary>
internal static class TiffStructure
{
    private const int SubfileType = 254;
    private const int ImageWidth = 256;
    private const int ImageLength = 257;
    private const int Orientation = 274;
    private const int SubDirectories = 330;
    private const int Xmp = 700;
    private const int DngVersion = 50706;

    /// <summary>Bytes of a value of each type, BYTE (1) to IFD8 (18).</summary>
    public static ReadOnlySpan<byte> TypeLengths => [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

    public static bool IsTiff(ReadOnlySpan<byte> file) =>
        file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) || file.StartsWith("II+\0"u8) || file.StartsWith("MM\0+"u8);

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        bool little = file[0] == 'I';
        bool isBig = file[little ? 2 : 3] == 43;
        if (isBig && !little)
            throw ImageException.Unsupported("big-endian BigTIFF is not supported (expected TIFF, or little-endian BigTIFF)");
        if (file.Length < (isBig ? 16 : 8))
            throw ImageHeader.Truncated("TIFF", file.Length, "inside its header");
        ulong directory = isBig ? Int64(file[8..]) : Int32(file[4..]);
        int countLength = isBig ? 8 : 2;
        int entryLength = isBig ? 20 : 12;
        if (directory > (ulong)Math.Max(0, file.Length - countLength))
            throw ImageHeader.Truncated("TIFF", file.Length, "before its first directory");
        ReadOnlySpan<byte> entries = file[(int)directory..];
        ulong count = isBig ? Int64(entries) : Int16(entries);
        entries = entries[countLength..];
        if (count > (ulong)(entries.Length / entryLength))
            throw ImageHeader.Truncated("TIFF", file.Length, "inside its first directory");

        long width = 0;
        long height = 0;
        int? orientation = null;
        int? xmp = null;
        bool isReduced = false;
        bool isRaw = file[8..].StartsWith("CR"u8); // Canon's CR2
        for (; count > 0; count--, entries = entries[entryLength..])
        {
            int tag = Int16(entries);
            int type = Int16(entries[2..]);
            ulong values = isBig ? Int64(entries[4..]) : Int32(entries[4..]);
            if (type < TypeLengths.Length && values > (ulong)file.Length / Math.Max(TypeLengths[type], (byte)1))
                throw ImageException.Damaged($"damaged TIFF: tag {tag} claims {values} values in a file of {file.Length} bytes");
            ReadOnlySpan<byte> field = entries[(isBig ? 12 : 8)..];
            long value = type switch
            {
                1 => field[0],      // BYTE
                3 => Int16(field),  // SHORT
                4 => Int32(field),  // LONG
                16 when isBig => (long)Math.Min(Int64(field), long.MaxValue), // LONG8
                _ => 0,
            };
            if (tag == ImageWidth)
                width = value;
            else if (tag == ImageLength)
                height = value;
            else if (tag == Orientation)
                orientation = OrientationOf(type, type is 8 or 9 ? type == 8 ? Int16(field) : Int32(field) : value); // SSHORT, SLONG
            else if (tag == Xmp && type is 1 or 7 && (isBig ? Int64(field) : Int32(field)) is var start && start <= (ulong)file.Length)
                xmp = XmpReader.Orientation(file[(int)start..][..(int)Math.Min(values, (ulong)file.Length - start)]);
            else if (tag == SubfileType)
                isReduced = (value & 1) != 0;
            else if (tag == SubDirectories)
                isRaw |= isReduced; // Nikon's NEF and others: the first page is a thumbnail, and the picture lies deeper
            else if (tag == DngVersion)
                throw Raw(" (DNG)");
        }

        if (isRaw)
            throw Raw("");

        ImageHeader.CheckSize("TIFF", width, height, maxPixels);
        return new ImageHeader(ImageFormat.Tiff, (int)width, (int)height, orientation ?? xmp ?? 1);

        // Pillow takes a BYTE for bytes, not for a number.
        static int OrientationOf(int type, long value) => type != 1 && value is >= 1 and <= 8 ? (int)value : 1;

        static ImageException Raw(string kind) =>
            ImageException.Unsupported($"a camera's raw file{kind} is not supported", "develop it to JPEG, PNG or TIFF");

        ushort Int16(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

        uint Int32(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);

        ulong Int64(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }
}
