using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Cosines of a few queries with rows as they lie in a file, one after the other. Nothing is packed: a tile is four
/// rows by one or two queries, and each register of a row is used for both.
/// </summary>
internal static unsafe class RowScores
{
    /// <summary>Rows of a tile. Buffers of rows' results have room for whole tiles.</summary>
    public const int TileRows = 4;

    /// <summary>
    /// Squares of lengths between these bounds lose no more than the roundings of a float32 sum: 2^-80 and 2^80.
    /// </summary>
    private const float Smallest = 8.2718061255302767e-25f;
    private const float Largest = 1.2089258196146292e24f;

    /// <summary>
    /// One over the length of each row; 0 for a row of zeros, NaN for one whose length float32 cannot tell or that has
    /// a value that is not finite.
    /// </summary>
    /// <param name="rows">(count, dimension)</param>
    /// <param name="count">Rows.</param>
    /// <param name="dimension">Values of a row.</param>
    /// <param name="inverse">(count, in whole tiles); NaN past the last row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void InverseLengths<TVector>(float* rows, int count, int dimension, float* inverse)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int whole = dimension - dimension % TVector.Count;
        for (int row = 0; row < count; row += TileRows)
        {
            float* row0 = rows + (nint)row * dimension;
            float* row1 = rows + (nint)Math.Min(row + 1, count - 1) * dimension;
            float* row2 = rows + (nint)Math.Min(row + 2, count - 1) * dimension;
            float* row3 = rows + (nint)Math.Min(row + 3, count - 1) * dimension;
            TVector sum0 = TVector.Zero, sum1 = TVector.Zero, sum2 = TVector.Zero, sum3 = TVector.Zero;
            for (int i = 0; i < whole; i += TVector.Count)
            {
                TVector x0 = TVector.Load(row0 + i), x1 = TVector.Load(row1 + i), x2 = TVector.Load(row2 + i), x3 = TVector.Load(row3 + i);
                sum0 = TVector.MultiplyAdd(x0, x0, sum0);
                sum1 = TVector.MultiplyAdd(x1, x1, sum1);
                sum2 = TVector.MultiplyAdd(x2, x2, sum2);
                sum3 = TVector.MultiplyAdd(x3, x3, sum3);
            }

            int rest = dimension - whole;
            inverse[row] = Inverse(TVector.Sum(sum0) + Dot(row0 + whole, row0 + whole, rest), row0, dimension);
            inverse[row + 1] = Inverse(TVector.Sum(sum1) + Dot(row1 + whole, row1 + whole, rest), row1, dimension);
            inverse[row + 2] = Inverse(TVector.Sum(sum2) + Dot(row2 + whole, row2 + whole, rest), row2, dimension);
            inverse[row + 3] = Inverse(TVector.Sum(sum3) + Dot(row3 + whole, row3 + whole, rest), row3, dimension);
        }

        for (int row = count; row % TileRows != 0; row++)
            inverse[row] = float.NaN;
    }

    /// <summary>The inner product of every query with every row, times the row's factor.</summary>
    /// <param name="rows">(count, dimension)</param>
    /// <param name="count">Rows.</param>
    /// <param name="queries">(queryCount, dimension)</param>
    /// <param name="queryCount">Queries.</param>
    /// <param name="dimension">Values of a row.</param>
    /// <param name="factors">(count, in whole tiles)</param>
    /// <param name="scores">(queryCount, stride)</param>
    /// <param name="stride">Scores of a query, at least the rows in whole tiles.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TVector>(
        float* rows, int count, float* queries, int queryCount, int dimension, float* factors, float* scores, int stride)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int whole = dimension - dimension % TVector.Count;
        for (int row = 0; row < count; row += TileRows)
        {
            float* row0 = rows + (nint)row * dimension;
            float* row1 = rows + (nint)Math.Min(row + 1, count - 1) * dimension;
            float* row2 = rows + (nint)Math.Min(row + 2, count - 1) * dimension;
            float* row3 = rows + (nint)Math.Min(row + 3, count - 1) * dimension;
            for (int query = 0; query < queryCount; query += 2)
            {
                float* left = queries + (nint)query * dimension;
                float* first = scores + (nint)query * stride + row;
                TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
                if (query + 1 == queryCount)
                {
                    for (int i = 0; i < whole; i += TVector.Count)
                    {
                        TVector q = TVector.Load(left + i);
                        a0 = TVector.MultiplyAdd(TVector.Load(row0 + i), q, a0);
                        a1 = TVector.MultiplyAdd(TVector.Load(row1 + i), q, a1);
                        a2 = TVector.MultiplyAdd(TVector.Load(row2 + i), q, a2);
                        a3 = TVector.MultiplyAdd(TVector.Load(row3 + i), q, a3);
                    }
                }
                else
                {
                    float* right = left + dimension;
                    float* second = first + stride;
                    TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
                    for (int i = 0; i < whole; i += TVector.Count)
                    {
                        TVector q = TVector.Load(left + i), p = TVector.Load(right + i);
                        TVector x = TVector.Load(row0 + i);
                        a0 = TVector.MultiplyAdd(x, q, a0);
                        b0 = TVector.MultiplyAdd(x, p, b0);
                        x = TVector.Load(row1 + i);
                        a1 = TVector.MultiplyAdd(x, q, a1);
                        b1 = TVector.MultiplyAdd(x, p, b1);
                        x = TVector.Load(row2 + i);
                        a2 = TVector.MultiplyAdd(x, q, a2);
                        b2 = TVector.MultiplyAdd(x, p, b2);
                        x = TVector.Load(row3 + i);
                        a3 = TVector.MultiplyAdd(x, q, a3);
                        b3 = TVector.MultiplyAdd(x, p, b3);
                    }

                    second[0] = TVector.Sum(b0) * factors[row];
                    second[1] = TVector.Sum(b1) * factors[row + 1];
                    second[2] = TVector.Sum(b2) * factors[row + 2];
                    second[3] = TVector.Sum(b3) * factors[row + 3];
                }

                first[0] = TVector.Sum(a0) * factors[row];
                first[1] = TVector.Sum(a1) * factors[row + 1];
                first[2] = TVector.Sum(a2) * factors[row + 2];
                first[3] = TVector.Sum(a3) * factors[row + 3];
            }
        }

        if (whole < dimension)
            AddRest(rows, count, queries, queryCount, dimension, whole, factors, scores, stride);
    }

    /// <summary>Turns float16 into the same numbers in float32.</summary>
    /// <param name="source">(<paramref name="destination"/>'s length), bits of <see cref="Half"/>.</param>
    /// <param name="destination">Filled.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        // Sign, exponent and fraction keep their order. The exponent's bias grows by 112, a multiplication that also
        // turns float16's subnormal numbers into normal ones. Infinities and NaN have an exponent of their own.
        ref ushort first = ref MemoryMarshal.GetReference(source);
        ref float result = ref MemoryMarshal.GetReference(destination);
        Vector256<float> bias = Vector256.Create(5.192296858534828e33f); // 2^112
        int i = 0;
        for (; i + Vector256<ushort>.Count <= source.Length; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.LoadUnsafe(ref first, (nuint)i));
            Widen(lower, bias).StoreUnsafe(ref result, (nuint)i);
            Widen(upper, bias).StoreUnsafe(ref result, (nuint)(i + Vector256<uint>.Count));
        }

        for (; i < source.Length; i++)
            destination[i] = (float)BitConverter.UInt16BitsToHalf(source[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(Vector256<uint> bits, Vector256<float> bias)
    {
        Vector256<uint> magnitude = Vector256.ShiftLeft(bits & Vector256.Create(0x7FFFu), 13);
        Vector256<uint> sign = Vector256.ShiftLeft(bits & Vector256.Create(0x8000u), 16);
        Vector256<uint> special = Vector256.GreaterThan(magnitude, Vector256.Create(0x0F7FFFFFu)) & Vector256.Create(0x7F800000u);
        return ((magnitude.AsSingle() * bias).AsUInt32() | special | sign).AsSingle();
    }

    /// <summary>
    /// Adds the values behind the last whole register. They are apart, because a call in the loop over tiles would move
    /// all sums to memory and back.
    /// </summary>
    private static void AddRest(
        float* rows, int count, float* queries, int queryCount, int dimension, int whole, float* factors, float* scores, int stride)
    {
        for (int query = 0; query < queryCount; query++)
        {
            float* ofQuery = queries + (nint)query * dimension + whole;
            for (int row = 0; row < count; row++)
            {
                float dot = Dot(ofQuery, rows + (nint)row * dimension + whole, dimension - whole);
                scores[(nint)query * stride + row] += dot * factors[row];
            }
        }
    }

    private static float Inverse(float square, float* row, int dimension) =>
        square is >= Smallest and <= Largest ? 1 / MathF.Sqrt(square)
        : square == 0 && !new ReadOnlySpan<float>(row, dimension).ContainsAnyExcept(0f) ? 0
        : float.NaN;

    private static float Dot(float* a, float* b, int count)
    {
        float sum = 0;
        for (int i = 0; i < count; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
