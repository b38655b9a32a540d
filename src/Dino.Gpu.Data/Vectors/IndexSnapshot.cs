using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>An index at one moment. It never changes, so searches need no lock.</summary>
/// <param name="Segments">The rows, in the order in which they were added.</param>
/// <param name="FirstRows">(segments + 1): the number of the first row of each.</param>
/// <param name="Removed">Rows that were removed.</param>
/// <param name="Tail">Rows after those of the segments, not written yet.</param>
internal sealed record IndexSnapshot(
    IReadOnlyList<IndexRows> Segments, IReadOnlyList<int> FirstRows, RowSet Removed, MemoryRows Tail)
{
    /// <summary>The same object for all moments between which rows were only added or removed: their numbers stay.</summary>
    public object Lineage { get; private init; } = new();

    /// <summary>Rows, removed ones among them.</summary>
    public int RowCount => checked(FirstRows[^1] + Tail.Count);

    /// <summary>Rows that were not removed.</summary>
    public int Count => RowCount - Removed.Count;

    /// <summary>Some segments and nothing else.</summary>
    public static IndexSnapshot Of(IReadOnlyList<IndexRows> segments, RowSet removed, int dimension)
    {
        int[] first = new int[segments.Count + 1];
        for (int i = 0; i < segments.Count; i++)
            first[i + 1] = checked(first[i] + segments[i].Vectors.Count);
        return new IndexSnapshot(segments, first, removed, MemoryRows.Empty(dimension));
    }

    /// <summary>Makes a segment of the rows that are not written yet.</summary>
    /// <param name="rows">The same rows.</param>
    /// <param name="dimension">Values of a vector.</param>
    public IndexSnapshot WithTailAs(IndexRows rows, int dimension) => this with
    {
        Segments = [.. Segments, rows],
        FirstRows = [.. FirstRows, RowCount],
        Tail = MemoryRows.Empty(dimension),
    };

    /// <summary>What searches read.</summary>
    public VectorScan Scan(int dimension) =>
        new([.. Segments.Select(segment => segment.Vectors), Tail.Vectors], dimension, Removed);

    /// <summary>What a search of the rows from one on reads.</summary>
    /// <param name="firstRow">The first of them.</param>
    /// <param name="dimension">Values of a vector.</param>
    public VectorScan ScanFrom(int firstRow, int dimension)
    {
        var blocks = new List<VectorBlock>();
        foreach ((VectorBlock block, int first) in Blocks())
        {
            if (first + block.Count > firstRow)
                blocks.Add(first >= firstRow ? block : new LaterVectors(block, firstRow - first));
        }

        return new VectorScan(blocks, dimension, Removed, firstRow);
    }

    /// <summary>The vectors of all rows, and the number of the first row of each block.</summary>
    public IEnumerable<(VectorBlock Vectors, int FirstRow)> Blocks() =>
        Segments.Append(Tail).Select((rows, i) => (rows.Vectors, FirstRows[i]));

    /// <summary>One row by its number.</summary>
    public RowInfo Row(int row)
    {
        if (row >= FirstRows[^1])
            return Tail.Row(row - FirstRows[^1]);
        int low = 0, high = Segments.Count - 1; // the last segment that begins at the row or before it
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = FirstRows[middle] <= row ? (middle, high) : (low, middle - 1);
        }

        return Segments[low].Row(row - FirstRows[low]);
    }

    /// <summary>All rows that were not removed, in their order, with their numbers.</summary>
    /// <param name="values">(dimension), filled before each row is returned; empty to leave the vectors out.</param>
    public IEnumerable<(int Number, RowInfo Row)> Rows(float[] values)
    {
        int number = 0;
        foreach (IndexRows segment in Segments.Append(Tail))
        {
            int first = number;
            foreach (RowInfo row in segment.All())
            {
                if (!Removed.Contains(number))
                {
                    if (values.Length > 0)
                        segment.Vectors.Read(number - first, values);
                    yield return (number, row);
                }

                number++;
            }
        }
    }
}
