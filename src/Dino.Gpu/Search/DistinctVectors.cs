namespace Dino.Gpu.Search;

/// <summary>
/// Vectors without their copies. Of rows that are equal bit for bit only the first is searched; the others follow it in
/// a result. A vector that occurs a thousand times costs as much as one, and its copies cause no ties.
/// </summary>
internal sealed class DistinctVectors
{
    private readonly ReadOnlyMemory<float> _values; // (rows, dimension)
    private readonly int[] _rows; // (rows): the rows of one vector side by side, ascending
    private readonly int[] _starts; // (count + 1): where each vector begins in _rows
    private readonly double[] _squares; // (rows)
    private readonly double _scale; // 0 means that each vector is scaled by its own length

    private DistinctVectors(ReadOnlyMemory<float> values, int dimension, int[] rows, int[] starts, double[] squares, double scale)
    {
        _values = values;
        _rows = rows;
        _starts = starts;
        _squares = squares;
        _scale = scale;
        Dimension = dimension;
    }

    /// <summary>The number of distinct vectors.</summary>
    public int Count => _starts.Length - 1;

    public int Dimension { get; }

    /// <summary>Finds which rows are copies.</summary>
    /// <param name="values">(rows, dimension); kept, not copied.</param>
    /// <param name="dimension">Values of a row.</param>
    /// <param name="squares">(rows): the squares of the lengths of the rows; kept, not copied.</param>
    /// <param name="similarity">Decides how <see cref="CopyScaled"/> scales.</param>
    /// <param name="parallel">Threads.</param>
    public static DistinctVectors Find(
        ReadOnlyMemory<float> values, int dimension, double[] squares, Similarity similarity, ParallelOptions parallel)
    {
        int[] first = FirstOfEqual(values, dimension, squares.Length, parallel); // (rows)
        int[] starts = new int[first.Where((row, i) => row == i).Count() + 1];
        int[] numbers = new int[squares.Length]; // the vector's number, for a first row
        int count = 0;
        for (int row = 0; row < first.Length; row++)
            numbers[row] = first[row] == row ? count++ : numbers[first[row]];
        foreach (int number in numbers)
            starts[number + 1]++;
        for (int i = 1; i < starts.Length; i++)
            starts[i] += starts[i - 1];
        int[] rows = new int[squares.Length];
        int[] next = starts[..^1];
        for (int row = 0; row < rows.Length; row++)
            rows[next[numbers[row]]++] = row;

        double longest = Math.Sqrt(squares.Max());
        double scale = similarity == Similarity.Cosine ? 0 : longest > 0 ? 1 / longest : 1;
        return new DistinctVectors(values, dimension, rows, starts, squares, scale);
    }

    /// <summary>The rows of one vector, ascending.</summary>
    public ReadOnlySpan<int> Rows(int vector) => _rows.AsSpan(_starts[vector], _starts[vector + 1] - _starts[vector]);

    /// <summary>The vector itself.</summary>
    public ReadOnlySpan<float> Values(int vector) => _values.Span.Slice(_rows[_starts[vector]] * Dimension, Dimension);

    /// <summary>The square of the vector's length.</summary>
    public double Square(int vector) => _squares[_rows[_starts[vector]]];

    /// <summary>
    /// Copies the vector as a device takes it: scaled to length 1 for cosines, else divided by the length of the
    /// longest vector. No sum then overflows.
    /// </summary>
    public void CopyScaled(int vector, Span<float> destination) =>
        Scale(Values(vector), _scale > 0 ? _scale : Square(vector) > 0 ? 1 / Math.Sqrt(Square(vector)) : 0, destination);

    /// <summary>Scales a vector. Multiplies in double precision and rounds once.</summary>
    public static void Scale(ReadOnlySpan<float> values, double scale, Span<float> destination)
    {
        destination = destination[..values.Length];
        for (int i = 0; i < values.Length; i++)
            destination[i] = (float)(values[i] * scale);
    }

    /// <summary>For each row, the first row that is equal bit for bit.</summary>
    private static int[] FirstOfEqual(ReadOnlyMemory<float> values, int dimension, int count, ParallelOptions parallel)
    {
        // Sorted by hash, then by row, so that equal rows are neighbors.
        ulong[] keys = new ulong[count];
        Parallel.For(0, count, parallel, row =>
        {
            var hash = default(HashCode);
            hash.AddBytes(Bytes(values, dimension, row));
            keys[row] = ((ulong)(uint)hash.ToHashCode() << 32) | (uint)row;
        });
        Array.Sort(keys);
        int[] first = new int[count];
        var firsts = new List<int>(); // one row of each vector with this hash
        for (int i = 0; i < count; i++)
        {
            int row = (int)(uint)keys[i];
            if (i == 0 || keys[i] >> 32 != keys[i - 1] >> 32)
                firsts.Clear();
            int known = firsts.FindIndex(other => Bytes(values, dimension, other).SequenceEqual(Bytes(values, dimension, row)));
            if (known < 0)
                firsts.Add(row);
            first[row] = known < 0 ? row : firsts[known];
        }

        return first;
    }

    private static ReadOnlySpan<byte> Bytes(ReadOnlyMemory<float> values, int dimension, int row) =>
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.Span.Slice(row * dimension, dimension));
}
