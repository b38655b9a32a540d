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
    }

    public int Rows { get; }

    public int Columns { get; }

    public float Epsilon { get; }

    public RowMap InputMap { get; }

    public RowMap OutputMap { get; }
}

/// <summary>
/// output = (input - mean) / sqrt(variance + epsilon) * weight + bias over each row. Each group takes Side rows, Side threads a row.
/// The variance is summed from the differences to the mean, in a second pass: E[x^2] - E[x]^2 cancels.
/// </summary>
internal static class LayerNorm
{
    public static void Kernel<TTile>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, ArrayView<float> output)
        where TTile : struct, ITileShape
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TTile.Side * TTile.Side);
        int row = Grid.IdxX * TTile.Side + Group.IdxY;

        // Threads past the last row go through the barriers with the others, on the last row, and store nothing.
        int safeRow = row < shape.Rows ? row : shape.Rows - 1;
        long inputRow = (long)shape.InputMap.BufferRow(safeRow) * shape.Columns;

        float sum = 0f;
        for (int column = Group.IdxX; column < shape.Columns; column += TTile.Side)
            sum += input[inputRow + column];
        float mean = GroupReduction.AllReduceRow<TTile, SumReduction>(sum, scratch) / shape.Columns;

        float squares = 0f;
        for (int column = Group.IdxX; column < shape.Columns; column += TTile.Side)
        {
            float difference = input[inputRow + column] - mean;
            squares += difference * difference;
        }

        float variance = GroupReduction.AllReduceRow<TTile, SumReduction>(squares, scratch) / shape.Columns;
        float scale = 1f / MathF.Sqrt(variance + shape.Epsilon);

        if (row >= shape.Rows)
            return;
        long outputRow = (long)shape.OutputMap.BufferRow(row) * shape.Columns;
        for (int column = Group.IdxX; column < shape.Columns; column += TTile.Side)
            output[outputRow + column] = (input[inputRow + column] - mean) * scale * weight[column] + bias[column];
    }
}
