using System.Buffers.Binary;
using ParquetSharp;
using ParquetSharp.IO;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Unpacks a page with the library's decompressors, which it does not offer by themselves: as the one page of a file in
/// memory, whose values are single bytes.
/// </summary>
internal static class ParquetUnpacker
{
    private const int BatchLength = 4096;
    private const int FixedLengthBytes = 7; // a physical type

    /// <summary>Unpacks the bytes of a page.</summary>
    /// <param name="codec">As the file numbers it.</param>
    /// <param name="packed">The bytes.</param>
    /// <param name="length">How many they become.</param>
    /// <exception cref="InvalidDataException">They are damaged.</exception>
    public static byte[] Unpack(int codec, byte[] packed, int length)
    {
        if (codec == 0)
            return packed.Length == length ? packed : throw new InvalidDataException("a page that is not packed has two lengths");
        byte[] unpacked = new byte[length];
        if (length == 0)
            return unpacked;
        var stream = new ParquetStream(new MemoryStream(MakeFile(codec, packed, length)));
        stream.Call(() =>
        {
            using var native = new ManagedRandomAccessFile(stream, leaveOpen: true);
            using var reader = new ParquetFileReader(native);
            using RowGroupReader group = reader.RowGroup(0);
            using ColumnReader column = group.Column(0);
            ReadBytes((ColumnReader<FixedLenByteArray>)column, unpacked);
        });
        return unpacked;
    }

    private static unsafe void ReadBytes(ColumnReader<FixedLenByteArray> column, Span<byte> bytes)
    {
        var values = new FixedLenByteArray[BatchLength];
        for (int at = 0; at < bytes.Length;)
        {
            column.ReadBatch(BatchLength, [], [], values, out long count);
            if (count <= 0 || count > bytes.Length - at)
                throw new InvalidDataException("a page unpacks to fewer bytes than it claims");
            for (int i = 0; i < count; i++)
                bytes[at++] = *(byte*)values[i].Pointer;
        }
    }

    /// <summary>
    /// The file, in Thrift's compact protocol: before each value stand how far its field's number is from that of the
    /// one before, and its type (5: 32 bits, 6: 64 bits, 8: text, 9: list, 12: structure); 0 ends a structure.
    /// </summary>
    private static byte[] MakeFile(int codec, byte[] packed, int length)
    {
        byte[] header =
        [
            0x15, 0, 0x15, .. Number(length), 0x15, .. Number(packed.Length), // values; bytes unpacked and packed
            0x2C, 0x15, .. Number(length), 0x15, 0, 0x15, .. Number(3), 0x15, .. Number(3), 0, 0, // plain; levels as runs
        ];
        byte[] pages = Number(header.Length + packed.Length);
        byte[] start = Number(4);
        byte[] column =
        [
            0x15, .. Number(FixedLengthBytes), 0x19, 0x15, 0, 0x19, 0x18, 1, (byte)'x', 0x15, .. Number(codec), // x, plain
            0x16, .. Number(length), 0x16, .. Number(header.Length + (long)length), 0x16, .. pages, 0x26, .. start, 0,
        ];
        byte[] footer =
        [
            0x15, .. Number(1), 0x19, 0x2C, 0x48, 1, (byte)'r', 0x15, .. Number(1), 0, // version; schema: r has one child
            0x15, .. Number(FixedLengthBytes), 0x15, .. Number(1), 0x15, 0, 0x18, 1, (byte)'x', 0, // one byte, always there
            0x16, .. Number(length), 0x19, 0x1C, 0x19, 0x1C, 0x26, .. start, 0x1C, .. column, 0, // rows; a group; a column
            0x16, .. Number(length), 0x16, .. Number(length), 0, 0,
        ];
        byte[] footerLength = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(footerLength, footer.Length);
        return [.. "PAR1"u8, .. header, .. packed, .. footer, .. footerLength, .. "PAR1"u8];
    }

    /// <summary>A number that is not negative, of as many bytes as it needs.</summary>
    private static byte[] Number(long value)
    {
        var bytes = new List<byte>();
        ulong bits = (ulong)value << 1;
        for (; bits > 127; bits >>= 7)
            bytes.Add((byte)(bits | 128));
        bytes.Add((byte)bits);
        return [.. bytes];
    }
}
