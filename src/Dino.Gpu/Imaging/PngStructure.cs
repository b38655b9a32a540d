using System.Buffers.Binary;
using System.IO.Hashing;

namespace Dino.Gpu.Imaging;

/// <summary>Walks the chunks of a PNG from IHDR to IEND: length, type, data, CRC.</summary>
internal static class PngStructure
{
    public static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels)
    {
        int width = 0;
        int height = 0;
        int orientation = 1;
        bool hasData = false;
        int at = Signature.Length;
        while (true)
        {
            if (at > file.Length - 12)
                throw ImageHeader.Truncated("PNG", file.Length, "before its IEND chunk");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            ReadOnlySpan<byte> type = file.Slice(at + 4, 4);
            if (!IsChunkType(type))
                throw new DinoException($"damaged PNG: no chunk type at byte {at + 4}");
            if (length > int.MaxValue)
                throw new DinoException($"damaged PNG: chunk {Name(type)} at byte {at} claims {length} bytes");
            if (length > file.Length - at - 12)
                throw ImageHeader.Truncated("PNG", file.Length, $"inside chunk {Name(type)}");
            ReadOnlySpan<byte> data = file.Slice(at + 8, (int)length);

            if (width == 0)
            {
                if (!type.SequenceEqual("IHDR"u8) || length != 13)
                    throw new DinoException($"damaged PNG: expected IHDR of 13 bytes first, found {Name(type)} of {length}");
                ImageHeader.CheckSize("PNG", BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]), maxPixels);
                width = BinaryPrimitives.ReadInt32BigEndian(data);
                height = BinaryPrimitives.ReadInt32BigEndian(data[4..]);
            }

            // Critical chunks start with a capital. The data's own sums are the decoder's to check; here a wrong one would cost a pass over the file.
            bool isData = type.SequenceEqual("IDAT"u8);
            if (char.IsAsciiLetterUpper((char)type[0]) && !isData)
                CheckCrc(file, at, (int)length);
            if (type.SequenceEqual("eXIf"u8))
                orientation = ExifReader.Orientation(data);
            hasData |= isData;
            at += 12 + (int)length;
            if (type.SequenceEqual("IEND"u8))
                break;
        }

        if (!hasData)
            throw new DinoException("damaged PNG: it has no IDAT chunk");
        return new ImageHeader(ImageFormat.Png, width, height, orientation);
    }

    /// <summary>Checks the sums of the IDAT chunks, for a decoder that does not. The file has passed <see cref="Read"/>.</summary>
    public static void CheckDataCrcs(ReadOnlySpan<byte> file)
    {
        for (int at = Signature.Length; at <= file.Length - 12;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file[at..]);
            ReadOnlySpan<byte> type = file.Slice(at + 4, 4);
            if (type.SequenceEqual("IDAT"u8))
                CheckCrc(file, at, length);
            else if (type.SequenceEqual("IEND"u8))
                return;
            at += 12 + length;
        }
    }

    /// <summary>The CRC of PNG and zip (reflected polynomial EDB88320) over a chunk's type and data.</summary>
    private static void CheckCrc(ReadOnlySpan<byte> file, int at, int length)
    {
        uint crc = Crc32.HashToUInt32(file.Slice(at + 4, 4 + length));
        if (crc != BinaryPrimitives.ReadUInt32BigEndian(file[(at + 8 + length)..]))
            throw new DinoException($"damaged PNG: chunk {Name(file.Slice(at + 4, 4))} at byte {at} does not match its checksum");
    }

    private static bool IsChunkType(ReadOnlySpan<byte> type)
    {
        foreach (byte letter in type)
        {
            if (!char.IsAsciiLetter((char)letter))
                return false;
        }

        return true;
    }

    private static string Name(ReadOnlySpan<byte> type) => System.Text.Encoding.ASCII.GetString(type);
}
