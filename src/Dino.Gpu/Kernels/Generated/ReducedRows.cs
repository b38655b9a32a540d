using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// An activation in the format that the next product reads: (blocks, rows, 384) bfloat16 or unsigned bytes. Bytes have a
/// scale and a zero point for each row and block, of that row alone, so that rows do not depend on their batch.
/// </summary>
internal readonly unsafe struct ReducedRows
{
    /// <summary>Columns that a row is filled up to: the most that a tile takes at once.</summary>
    private const int Padding = 64;

    private readonly byte* _values;
    private readonly float* _scales; // (blocks, rows), then as many zero points
    private readonly int _rows;
    private readonly int _blocks;

    public ReducedRows(TileKind kind, byte* start, int blocks, int rows)
    {
        Kind = kind;
        _values = start;
        _scales = (float*)(start + (nint)blocks * rows * Gemm.BlockSize * TileGenerator.ElementSize(kind));
        _rows = rows;
        _blocks = blocks;
    }

    public TileKind Kind { get; }

    /// <summary>Bytes of such a buffer, a multiple of a cache line.</summary>
    public static long Size(TileKind kind, int blocks, int rows) =>
        ((long)blocks * rows * (Gemm.BlockSize * TileGenerator.ElementSize(kind) + (kind == TileKind.Int8 ? 8 : 0)) + 63) / 64 * 64;

    public byte* Values(int block, int row) =>
        _values + ((nint)block * _rows + row) * Gemm.BlockSize * TileGenerator.ElementSize(Kind);

    public float* Scale(int block, int row) => _scales + (nint)block * _rows + row;

    public float* Zero(int block, int row) => _scales + (nint)(_blocks + block) * _rows + row;

    /// <summary>Converts one block of a row.</summary>
    /// <param name="block">Number of the block.</param>
    /// <param name="row">Number of the row.</param>
    /// <param name="x">(columns)</param>
    /// <param name="columns">At most 384; the rest up to a multiple of 64 becomes zero.</param>
    public void Write(int block, int row, float* x, int columns)
    {
        if (Kind == TileKind.BFloat16)
            ToBFloat16(x, columns, (ushort*)Values(block, row));
        else
            Quantize(x, columns, Values(block, row), Scale(block, row), Zero(block, row));
    }

    /// <summary>y = x rounded to bfloat16, to nearest even. NaN stays NaN. The rest up to a multiple of 64 is zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToBFloat16(float* x, int count, ushort* y)
    {
        int i = 0;
        for (; i <= count - 16; i += 16)
            Avx512F.ConvertToVector256UInt16(RoundedBits(Vector512.Load(x + i)) >> 16).Store(y + i);
        if (i < count)
        {
            Avx512F.ConvertToVector256UInt16(RoundedBits(First(count - i, Vector512.Load(x + i))) >> 16).Store(y + i);
            i += 16;
        }

        for (; i % Padding != 0; i += 16)
            Vector256<ushort>.Zero.Store(y + i);
    }

    /// <summary>The bits of x rounded to bfloat16, in the upper half of each lane; the lower half is of no meaning.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RoundedBits(Vector512<float> x)
    {
        Vector512<uint> bits = x.AsUInt32();
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), rounded, Vector512.Create(0x7FC00000u));
    }

    /// <summary>
    /// q = round(x / scale) + zero, with scale and zero such that the row's smallest value, or 0, is 0 and its largest, or
    /// 0, is 255. A value that is not finite makes the scale NaN, and so the results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantize(float* x, int count, byte* q, float* scale, float* zero)
    {
        Vector512<float> low = Vector512<float>.Zero, high = low, check = low;
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            Vector512<float> value = Vector512.Load(x + i);
            low = Vector512.MinNative(low, value);
            high = Vector512.MaxNative(high, value);
            check = Avx512F.FusedMultiplyAdd(value, Vector512<float>.Zero, check);
        }

        if (i < count)
        {
            Vector512<float> value = First(count - i, Vector512.Load(x + i));
            low = Vector512.MinNative(low, value);
            high = Vector512.MaxNative(high, value);
            check = Avx512F.FusedMultiplyAdd(value, Vector512<float>.Zero, check);
        }

        float min = -Largest(Vector512<float>.Zero - low), max = Largest(high);
        float step = max > min ? (max - min) / 255f : 1f;
        float inverse = 1f / step;
        float center = MathF.Round(-min * inverse);
        *scale = step + Vector512.Sum(check);
        *zero = center;
        Vector512<float> factor = Vector512.Create(inverse), shift = Vector512.Create(center);
        for (i = 0; i < count; i += 16)
        {
            Vector512<float> value = Vector512.Load(x + i);
            if (i > count - 16)
                value = First(count - i, value);
            Vector512<int> rounded = Avx512F.ConvertToVector512Int32(Avx512F.FusedMultiplyAdd(value, factor, shift));
            Avx512F.ConvertToVector128ByteWithSaturation(Vector512.Max(rounded, Vector512<int>.Zero).AsUInt32()).Store(q + i);
        }

        for (; i % Padding != 0; i += 16)
            Vector128<byte>.Zero.Store(q + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> First(int count, Vector512<float> value) =>
        Vector512.ConditionalSelect(
            Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), value, Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector512<float> value) => Float16.MaxLane(Unsafe.BitCast<Vector512<float>, Float16>(value));
}
