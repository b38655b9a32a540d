using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>values = exp(values) / sum(exp(values)) over each row, in place. Each group takes several rows.</summary>
internal static class Softmax
{
    /// <summary>values is (rows, columns). Grid: row tiles.</summary>
    public static void Kernel<TRows>(int rows, int columns, ArrayView<float> values)
        where TRows : struct, IRowShape
    {
        ArrayView<float> maxScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        ArrayView<float> sumScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        int row = Grid.IdxX * TRows.Rows + Group.IdxY;

        // Threads past the last row take part in the barriers, with no columns.
        long first = (long)row * columns;
        int count = row < rows ? columns : 0;

        // The row's maximum is subtracted, so that no exp overflows.
        float max = float.MinValue;
        for (int column = Group.IdxX; column < count; column += TRows.Threads)
            max = MaxReduction.Combine(max, values[first + column]);
        max = GroupReduction.AllReduceRow<TRows, MaxReduction>(max, maxScratch);

        float sum = 0f;
        for (int column = Group.IdxX; column < count; column += TRows.Threads)
        {
            float power = ScalarMath.Exp(values[first + column] - max);
            values[first + column] = power;
            sum += power;
        }

        float scale = 1f / GroupReduction.AllReduceRow<TRows, SumReduction>(sum, sumScratch);
        for (int column = Group.IdxX; column < count; column += TRows.Threads)
            values[first + column] *= scale;
    }
}
