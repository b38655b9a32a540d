using System.Buffers.Binary;
using System.IO.Hashing;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Dino.Gpu.Search;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Formats;

/// <summary>The rows of a segment, which stay in the file.</summary>
/// <param name="file">The index; not disposed.</param>
/// <param name="segment">Where they are.</param>
/// <param name="header">Of the index.</param>
internal sealed class SegmentRows(SafeFileHandle file, IndexSegment segment, IndexHeader header) : IndexRows
{
    private const int ChunkBytes = 1 << 20;

    public override VectorBlock Vectors { get; } = new FileVectors(
        file, segment.VectorStart, segment.Count, header.Dimension, header.Schema.Type == FloatType.Float16);

    public override (uint Sum, long Bytes)? StoredSum => (segment.VectorSum, segment.VectorBytes);

    public override RowInfo Row(int index)
    {
        Span<byte> offsets = stackalloc byte[2 * sizeof(long)];
        FileBytes.ReadExactly(file, segment.RecordStart + (long)index * sizeof(long), offsets);
        (long start, int length) = Place(offsets);
        byte[] record = new byte[length];
        FileBytes.ReadExactly(file, segment.RecordStart + segment.OffsetBytes + start, record);
        return IndexRecord.Read(record, header.Schema.Columns);
    }

    /// <inheritdoc/>
    /// <remarks>Reads the whole block, and checks its sum.</remarks>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public override IEnumerable<RowInfo> All()
    {
        if (segment.RecordBytes > Array.MaxLength)
            throw new InvalidDataException("the index is damaged: a block of rows is longer than any that dino writes");
        byte[] block = new byte[segment.RecordBytes];
        FileBytes.ReadExactly(file, segment.RecordStart, block);
        if (Crc32.HashToUInt32(block) != segment.RecordSum)
            throw new InvalidDataException($"the index is damaged: the rows at byte {segment.RecordStart} are not what was written");
        long end = 0;
        for (int i = 0; i < segment.Count; i++)
        {
            (long start, int length) = Place(block.AsSpan(i * sizeof(long), 2 * sizeof(long)));
            if (start != end)
                throw new InvalidDataException("a row of the index is damaged");
            end += length;
            yield return IndexRecord.Read(block.AsSpan((int)(segment.OffsetBytes + start), length), header.Schema.Columns);
        }
    }

    /// <summary>Checks the sum of the vectors.</summary>
    /// <exception cref="InvalidDataException">They are not what was written.</exception>
    public void CheckVectors()
    {
        var crc = new Crc32();
        byte[] chunk = new byte[Math.Min(ChunkBytes, segment.VectorBytes)];
        for (long done = 0; done < segment.VectorBytes; done += chunk.Length)
        {
            Span<byte> part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, segment.VectorBytes - done));
            FileBytes.ReadExactly(file, segment.VectorStart + done, part);
            crc.Append(part);
        }

        if (crc.GetCurrentHashAsUInt32() != segment.VectorSum)
            throw new InvalidDataException($"the index is damaged: the vectors at byte {segment.VectorStart} are not what was written");
    }

    private (long Start, int Length) Place(ReadOnlySpan<byte> offsets)
    {
        long start = BinaryPrimitives.ReadInt64LittleEndian(offsets);
        long end = BinaryPrimitives.ReadInt64LittleEndian(offsets[sizeof(long)..]);
        bool isInside = start >= 0 && end >= start && end <= segment.RecordBytes - segment.OffsetBytes && end - start <= Array.MaxLength;
        return isInside ? (start, (int)(end - start)) : throw new InvalidDataException("a row of the index is damaged");
    }
}
