using System.Buffers.Binary;
using System.IO.Hashing;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A part of an index that is written once: rows, as a block of their vectors and, apart from it, a block of what is
/// known about them; or the numbers of rows that are removed. Both blocks begin at multiples of
/// <see cref="IndexHeader.Alignment"/>.
/// </summary>
/// <param name="Start">Where its header stands.</param>
/// <param name="IsRemoval">Whether it removes rows; then the block of vectors has their numbers, 8 bytes each.</param>
/// <param name="Count">Rows that it adds or removes, at least one.</param>
/// <param name="VectorBytes">Bytes of the vectors.</param>
/// <param name="RecordBytes">
/// Bytes of the other block: an offset for each row and one for the end, 8 bytes each, then <see cref="IndexRecord"/>s.
/// </param>
/// <param name="VectorSum">CRC-32 of the vectors.</param>
/// <param name="RecordSum">CRC-32 of the other block.</param>
internal sealed record IndexSegment(
    long Start, bool IsRemoval, int Count, long VectorBytes, long RecordBytes, uint VectorSum, uint RecordSum)
{
    public const int HeaderLength = 64;

    private const int SumStart = HeaderLength - sizeof(uint);
    private const uint RowsMagic = 0x53574F52; // "ROWS"
    private const uint RemovalMagic = 0x44564D52; // "RMVD"

    /// <summary>Where the vectors begin.</summary>
    public long VectorStart => Start + HeaderLength;

    /// <summary>Where the other block begins.</summary>
    public long RecordStart => IndexHeader.Align(VectorStart + VectorBytes);

    /// <summary>Where the next segment begins.</summary>
    public long End => IndexHeader.Align(RecordStart + RecordBytes);

    /// <summary>Bytes of the offsets before the records.</summary>
    public long OffsetBytes => (Count + 1L) * sizeof(long);

    /// <summary>The header of the segment.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderLength];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, IsRemoval ? RemovalMagic : RowsMagic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Count);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), VectorBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), RecordBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24), VectorSum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), RecordSum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(SumStart), Crc32.HashToUInt32(bytes.AsSpan(0, SumStart)));
        return bytes;
    }

    /// <summary>Reads a segment's header.</summary>
    /// <param name="bytes">(<see cref="HeaderLength"/>)</param>
    /// <param name="start">Where it stands.</param>
    /// <param name="end">Bytes of the file that count.</param>
    /// <param name="rowBytes">Bytes of a vector.</param>
    /// <exception cref="InvalidDataException">It is damaged, or claims more than the file has.</exception>
    public static IndexSegment Parse(ReadOnlySpan<byte> bytes, long start, long end, long rowBytes)
    {
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (magic is not (RowsMagic or RemovalMagic)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[SumStart..]) != Crc32.HashToUInt32(bytes[..SumStart]))
            throw Damaged(start);
        var segment = new IndexSegment(
            start,
            magic == RemovalMagic,
            BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]));
        long rest = end - start - HeaderLength;
        bool isWhole = segment.Count > 0
            && segment.VectorBytes == segment.Count * (segment.IsRemoval ? sizeof(long) : rowBytes)
            && segment.VectorBytes <= rest
            && (segment.IsRemoval ? segment.RecordBytes == 0 : segment.RecordBytes >= segment.OffsetBytes)
            && segment.RecordBytes <= rest - segment.VectorBytes
            && segment.End <= end;
        return isWhole ? segment : throw Damaged(start);
    }

    private static InvalidDataException Damaged(long start) => new($"the index is damaged at byte {start}");
}
