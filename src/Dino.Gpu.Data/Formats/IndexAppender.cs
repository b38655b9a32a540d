using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Writes segments behind what an index has, and says when they count. The caller sees to it that they are on the disk
/// by then.
/// </summary>
/// <param name="stream">The file.</param>
/// <param name="header">Of the index.</param>
/// <param name="end">Where the next segment goes.</param>
internal sealed class IndexAppender(Stream stream, IndexHeader header, long end)
{
    /// <summary>Bytes of vectors in a segment, roughly: what is held in memory until it is written.</summary>
    public const int SegmentBytes = 64 << 20;

    private readonly ArrayBufferWriter<byte> _records = new();

    /// <summary>Where the next segment goes.</summary>
    public long End { get; private set; } = end;

    /// <summary>Rows of a segment: as many as <see cref="SegmentBytes"/> hold, and not too many records.</summary>
    public static int RowsOf(int dimension) => Math.Clamp(SegmentBytes / sizeof(float) / dimension, 1, 1 << 18);

    /// <summary>Writes rows.</summary>
    /// <param name="rows">What is known about each.</param>
    /// <param name="values">(rows, dimension); the numbers that float16 holds, if that is the type.</param>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public IndexSegment Append(ReadOnlySpan<RowInfo> rows, ReadOnlySpan<float> values)
    {
        _records.ResetWrittenCount();
        byte[] offsets = new byte[(rows.Length + 1) * sizeof(long)];
        for (int i = 0; i < rows.Length; i++)
        {
            IndexRecord.Write(rows[i], header.Schema.Columns, _records);
            BinaryPrimitives.WriteInt64LittleEndian(offsets.AsSpan((i + 1) * sizeof(long)), _records.WrittenCount);
        }

        var crc = new Crc32();
        crc.Append(offsets);
        crc.Append(_records.WrittenSpan);
        ReadOnlySpan<byte> vectors = Bytes(values);
        var segment = new IndexSegment(
            End, false, rows.Length, vectors.Length, offsets.Length + _records.WrittenCount, Crc32.HashToUInt32(vectors),
            crc.GetCurrentHashAsUInt32());
        Write(segment.Start, segment.ToBytes());
        Write(segment.VectorStart, vectors);
        Write(segment.RecordStart, offsets);
        Write(segment.RecordStart + offsets.Length, _records.WrittenSpan);
        return Finish(segment);
    }

    /// <summary>Writes that rows are removed.</summary>
    /// <param name="rows">Their numbers, at least one.</param>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public void AppendRemoval(ReadOnlySpan<int> rows)
    {
        byte[] numbers = new byte[rows.Length * sizeof(long)];
        for (int i = 0; i < rows.Length; i++)
            BinaryPrimitives.WriteInt64LittleEndian(numbers.AsSpan(i * sizeof(long)), rows[i]);
        var segment = new IndexSegment(End, true, rows.Length, numbers.Length, 0, Crc32.HashToUInt32(numbers), 0);
        Write(segment.Start, segment.ToBytes());
        Write(segment.VectorStart, numbers);
        Finish(segment);
    }

    /// <summary>Writes which rows count: all segments so far. They are on the disk already.</summary>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public void Write(IndexCommit commit) => Write(IndexHeader.CommitStart(commit.Sequence), commit.ToBytes());

    private ReadOnlySpan<byte> Bytes(ReadOnlySpan<float> values)
    {
        if (header.Schema.Type == FloatType.Float32)
            return MemoryMarshal.AsBytes(values);
        var halves = new Half[values.Length];
        for (int i = 0; i < halves.Length; i++)
            halves[i] = (Half)values[i];
        return MemoryMarshal.AsBytes<Half>(halves);
    }

    /// <summary>Fills the file up to the end of the segment.</summary>
    private IndexSegment Finish(IndexSegment segment)
    {
        long written = segment.RecordBytes > 0 ? segment.RecordStart + segment.RecordBytes : segment.VectorStart + segment.VectorBytes;
        if (segment.End > written)
            Write(segment.End - 1, [0]);
        End = segment.End;
        return segment;
    }

    private void Write(long position, ReadOnlySpan<byte> bytes)
    {
        stream.Position = position;
        stream.Write(bytes);
    }
}
