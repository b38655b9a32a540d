using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of a LayerNorm.</summary>
internal readonly struct LayerNormShape
{
    public LayerNormShape(int rows, int columns, float epsilon, RowMap inputMap, RowMap outputMap)
    {
        Rows = rows;
        Columns = columns;
        Epsilon = epsilon;
        InputMap = inputMap;
        OutputMap = outputMap;
        Aligned = columns % 4 == 0 ? 1 : 0;
    }

    public int Rows { get; }

    public int Columns { get; }

    public float Epsilon { get; }

    public RowMap InputMap { get; }

    public RowMap OutputMap { get; }

    /// <summary>1 if rows can be read 16 bytes at a time, else 0.</summary>
    public int Aligned { get; }
}

/// <summary>
/// output = (input - mean) / sqrt(variance + epsilon) * weight + bias over each row. The threads of a row keep it in
/// registers, up to six quads each. On a GPU that is 768 columns, so ViT-S and ViT-B rows come from memory once. Longer
/// rows are read again from the cache. The variance is summed from the differences to the mean, in a second pass over
/// the registers, because E[x^2] - E[x]^2 cancels.
/// </summary>
internal static class LayerNorm
{
    /// <summary>Quads of a row that a thread keeps in registers.</summary>
    private const int Kept = 6;

    /// <summary>Grid: groups of rows.</summary>
    public static void Kernel<TRows>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, ArrayView<float> output)
        where TRows : struct, IRowShape
    {
        ArrayView<float> sumScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        ArrayView<float> squareScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        int row = Grid.IdxX * TRows.Rows + Group.IdxY;

        // Threads past the last row take part in the barriers. They compute the last row and store nothing.
        int safeRow = row < shape.Rows ? row : shape.Rows - 1;
        long inputRow = (long)shape.InputMap.BufferRow(safeRow) * shape.Columns;

        // Read: neighboring threads take neighboring quads.
        int first = 4 * Group.IdxX;
        int step = 4 * TRows.Threads;
        Quad q0 = Load(input, inputRow, first, shape);
        Quad q1 = Load(input, inputRow, first + step, shape);
        Quad q2 = Load(input, inputRow, first + 2 * step, shape);
        Quad q3 = Load(input, inputRow, first + 3 * step, shape);
        Quad q4 = Load(input, inputRow, first + 4 * step, shape);
        Quad q5 = Load(input, inputRow, first + 5 * step, shape);

        // Mean. Values past the last column were read as zero.
        float sum = Sum(q0) + Sum(q1) + Sum(q2) + Sum(q3) + Sum(q4) + Sum(q5);
        for (int column = first + Kept * step; column < shape.Columns; column += step)
            sum += Sum(Load(input, inputRow, column, shape));
        float mean = GroupReduction.AllReduceRow<TRows, SumReduction>(sum, sumScratch) / shape.Columns;

        // Variance.
        float squares = Squares(q0, mean, shape.Columns - first)
            + Squares(q1, mean, shape.Columns - first - step)
            + Squares(q2, mean, shape.Columns - first - 2 * step)
            + Squares(q3, mean, shape.Columns - first - 3 * step)
            + Squares(q4, mean, shape.Columns - first - 4 * step)
            + Squares(q5, mean, shape.Columns - first - 5 * step);
        for (int column = first + Kept * step; column < shape.Columns; column += step)
            squares += Squares(Load(input, inputRow, column, shape), mean, shape.Columns - column);
        float variance = GroupReduction.AllReduceRow<TRows, SumReduction>(squares, squareScratch) / shape.Columns;
        float scale = 1f / MathF.Sqrt(variance + shape.Epsilon);

        // Scale and store.
        if (row >= shape.Rows)
            return;
        long outputRow = (long)shape.OutputMap.BufferRow(row) * shape.Columns;
        Store(weight, bias, shape, outputRow, first, q0, mean, scale, output);
        Store(weight, bias, shape, outputRow, first + step, q1, mean, scale, output);
        Store(weight, bias, shape, outputRow, first + 2 * step, q2, mean, scale, output);
        Store(weight, bias, shape, outputRow, first + 3 * step, q3, mean, scale, output);
        Store(weight, bias, shape, outputRow, first + 4 * step, q4, mean, scale, output);
        Store(weight, bias, shape, outputRow, first + 5 * step, q5, mean, scale, output);
        for (int column = first + Kept * step; column < shape.Columns; column += step)
            Store(weight, bias, shape, outputRow, column, Load(input, inputRow, column, shape), mean, scale, output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad Load(ArrayView<float> values, long row, int column, LayerNormShape shape) =>
        Quad.Load(values, values.Cast<Quad>(), row + column, shape.Columns - column, shape.Aligned != 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Quad q) => (q.X + q.Y) + (q.Z + q.W);

    /// <summary>The sum of the squared differences to the mean, of the first count values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Squares(Quad q, float mean, int count)
    {
        float x = count > 0 ? q.X - mean : 0f;
        float y = count > 1 ? q.Y - mean : 0f;
        float z = count > 2 ? q.Z - mean : 0f;
        float w = count > 3 ? q.W - mean : 0f;
        return (x * x + y * y) + (z * z + w * w);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(
        ArrayView<float> weight,
        ArrayView<float> bias,
        LayerNormShape shape,
        long row,
        int column,
        Quad q,
        float mean,
        float scale,
        ArrayView<float> output)
    {
        Quad w = Load(weight, 0, column, shape);
        Quad b = Load(bias, 0, column, shape);
        var normed = new Quad(
            (q.X - mean) * scale * w.X + b.X,
            (q.Y - mean) * scale * w.Y + b.Y,
            (q.Z - mean) * scale * w.Z + b.Z,
            (q.W - mean) * scale * w.W + b.W);
        Quad.Store(output, output.Cast<Quad>(), row + column, shape.Columns - column, shape.Aligned != 0, normed);
    }
}
