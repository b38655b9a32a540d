using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>values = exp(values) / sum(exp(values)) over each row, in place. Each group takes Side rows, Side threads a row.</summary>
internal static class Softmax
{
    /// <summary>Values are (rows, columns). Grid: row tiles.</summary>
    public static void Kernel<TTile>(int rows, int columns, ArrayView<float> values)
        where TTile : struct, ITileShape
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TTile.Side * TTile.Side);
        int row = Grid.IdxX * TTile.Side + Group.IdxY;

        // Threads past the last row go through the barriers with the others, on no columns.
        long first = (long)row * columns;
        int count = row < rows ? columns : 0;

        // The row's maximum is taken off, so that no exp overflows.
        float max = float.MinValue;
        for (int column = Group.IdxX; column < count; column += TTile.Side)
            max = MaxReduction.Combine(max, values[first + column]);
        max = GroupReduction.AllReduceRow<TTile, MaxReduction>(max, scratch);

        float sum = 0f;
        for (int column = Group.IdxX; column < count; column += TTile.Side)
        {
            float power = ScalarMath.Exp(values[first + column] - max);
            values[first + column] = power;
            sum += power;
        }

        float scale = 1f / GroupReduction.AllReduceRow<TTile, SumReduction>(sum, scratch);
        for (int column = Group.IdxX; column < count; column += TTile.Side)
            values[first + column] *= scale;
    }
}
