using System.Buffers.Binary;
using System.IO.Hashing;
using Dino.Gpu.Files;
using Dino.Gpu.Search;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// What an index has, without its vectors and what is known about their rows. These stay in the file.
/// </summary>
/// <param name="Header">The start of the file.</param>
/// <param name="Commit">How much of it counts.</param>
/// <param name="Rows">The rows, segment by segment.</param>
/// <param name="Removed">Rows that were removed.</param>
internal sealed record IndexContents(IndexHeader Header, IndexCommit Commit, IReadOnlyList<SegmentRows> Rows, RowSet Removed)
{
    /// <summary>Reads the headers of all segments.</summary>
    /// <param name="file">The index.</param>
    /// <exception cref="InvalidDataException">It is no index, or it is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IndexContents Read(SafeFileHandle file)
    {
        var header = IndexHeader.Read(file);
        var commit = IndexCommit.Read(file);
        if (commit.Length > RandomAccess.GetLength(file))
            throw new InvalidDataException($"truncated: {commit.Length} bytes were saved, {RandomAccess.GetLength(file)} are left");
        var rows = new List<SegmentRows>();
        var removed = new List<int>();
        long count = 0;
        Span<byte> bytes = stackalloc byte[IndexSegment.HeaderLength];
        for (long at = header.DataStart; at < commit.Length;)
        {
            FileBytes.ReadExactly(file, at, bytes);
            var segment = IndexSegment.Parse(bytes, at, commit.Length, (long)header.Dimension * header.ValueBytes);
            if (segment.IsRemoval)
            {
                removed.AddRange(ReadRemoval(file, segment, count));
            }
            else
            {
                rows.Add(new SegmentRows(file, segment, header));
                count += segment.Count;
            }

            at = segment.End;
        }

        RowSet set = RowSet.Empty.With([.. removed]);
        return count == commit.Rows && set.Count == commit.Removed
            ? new IndexContents(header, commit, rows, set)
            : throw new InvalidDataException(
                $"the index is damaged: {count} rows and {set.Count} removed, expected {commit.Rows} and {commit.Removed}");
    }

    private static int[] ReadRemoval(SafeFileHandle file, IndexSegment segment, long count)
    {
        byte[] block = new byte[segment.VectorBytes];
        FileBytes.ReadExactly(file, segment.VectorStart, block);
        int[] rows = new int[segment.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            long row = BinaryPrimitives.ReadInt64LittleEndian(block.AsSpan(i * sizeof(long)));
            rows[i] = row >= 0 && row < Math.Min(count, int.MaxValue) ? (int)row : -1;
        }

        return Crc32.HashToUInt32(block) == segment.VectorSum && !rows.Contains(-1)
            ? rows
            : throw new InvalidDataException($"the index is damaged at byte {segment.Start}");
    }
}
