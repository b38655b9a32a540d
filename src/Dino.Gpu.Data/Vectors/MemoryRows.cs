using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Rows of an index in memory. One thread at a time adds; any number may read the rows that were there before.
/// </summary>
/// <param name="rows">What is known about each; grows.</param>
/// <param name="values">(rows, dimension), or more; grows.</param>
/// <param name="count">Rows that count.</param>
/// <param name="dimension">Values of a vector.</param>
internal sealed class MemoryRows(RowInfo[] rows, float[] values, int count, int dimension) : IndexRows
{
    /// <summary>Rows that count.</summary>
    public int Count => count;

    public override VectorBlock Vectors { get; } = new MemoryVectors(values, count, dimension);

    /// <summary>No rows yet.</summary>
    public static MemoryRows Empty(int dimension) => new([], [], 0, dimension);

    public override RowInfo Row(int index) => rows[index];

    public override IEnumerable<RowInfo> All() => rows.Take(count);

    /// <summary>These rows and one more. Shares their arrays, so a row is added only once to each.</summary>
    public MemoryRows With(RowInfo row, ReadOnlySpan<float> vector)
    {
        (RowInfo[] allRows, float[] allValues) = (rows, values);
        if (count == allRows.Length)
        {
            int length = Math.Max(4, 2 * count);
            Array.Resize(ref allRows, length);
            Array.Resize(ref allValues, checked(length * dimension));
        }

        allRows[count] = row;
        vector.CopyTo(allValues.AsSpan(count * dimension));
        return new MemoryRows(allRows, allValues, count + 1, dimension);
    }

    /// <summary>What a segment is written of.</summary>
    public (ReadOnlyMemory<RowInfo> Rows, ReadOnlyMemory<float> Values) Written =>
        (rows.AsMemory(0, count), values.AsMemory(0, count * dimension));
}
