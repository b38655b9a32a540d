using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// LayerNorm of single rows, in two passes: the variance is summed from (x - mean), because E[x^2] - E[x]^2 cancels.
/// </summary>
internal static unsafe class LayerNorm
{
    /// <summary>output = (input - mean) / sqrt(var + eps) * weight + bias.</summary>
    /// <param name="input">One row: block b starts at input + b * inputBlock.</param>
    /// <param name="inputBlock">Floats from one column block of the input to the next.</param>
    /// <param name="weight">(columns), padded to whole blocks.</param>
    /// <param name="bias">(columns), padded to whole blocks.</param>
    /// <param name="output">
    /// One row: block b starts at output + b * outputBlock. Columns after the last are not written.
    /// </param>
    /// <param name="outputBlock">Floats from one column block of the output to the next.</param>
    /// <param name="columns">The hidden size.</param>
    /// <param name="epsilon">Added to the variance.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<TVector>(
        float* input, nint inputBlock, float* weight, float* bias, float* output, nint outputBlock, int columns, float epsilon)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector sum = TVector.Zero;
        for (int first = 0; first < columns; first += Gemm.BlockSize)
        {
            float* x = input + first / Gemm.BlockSize * inputBlock;
            int count = Math.Min(Gemm.BlockSize, columns - first);
            int column = 0;
            for (; column <= count - TVector.Count; column += TVector.Count)
                sum += TVector.Load(x + column);
            if (column < count)
                sum += TVector.SelectFirst(count - column, TVector.Load(x + column), TVector.Zero);
        }

        float mean = TVector.Sum(sum) / columns;
        TVector means = TVector.Create(mean);
        TVector squares = TVector.Zero;
        for (int first = 0; first < columns; first += Gemm.BlockSize)
        {
            float* x = input + first / Gemm.BlockSize * inputBlock;
            int count = Math.Min(Gemm.BlockSize, columns - first);
            int column = 0;
            for (; column <= count - TVector.Count; column += TVector.Count)
            {
                TVector difference = TVector.Load(x + column) - means;
                squares = TVector.MultiplyAdd(difference, difference, squares);
            }

            if (column < count)
            {
                TVector difference = TVector.SelectFirst(count - column, TVector.Load(x + column) - means, TVector.Zero);
                squares = TVector.MultiplyAdd(difference, difference, squares);
            }
        }

        float inverseDeviation = 1f / MathF.Sqrt(TVector.Sum(squares) / columns + epsilon);
        TVector scale = TVector.Create(inverseDeviation);
        for (int first = 0; first < columns; first += Gemm.BlockSize)
        {
            float* x = input + first / Gemm.BlockSize * inputBlock;
            float* y = output + first / Gemm.BlockSize * outputBlock;
            int count = Math.Min(Gemm.BlockSize, columns - first);
            int column = 0;
            for (; column <= count - TVector.Count; column += TVector.Count)
            {
                TVector value = (TVector.Load(x + column) - means) * scale;
                TVector.Store(
                    TVector.MultiplyAdd(value, TVector.Load(weight + first + column), TVector.Load(bias + first + column)), y + column);
            }

            for (; column < count; column++)
                y[column] = (x[column] - mean) * inverseDeviation * weight[first + column] + bias[first + column];
        }
    }
}
