using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>The format of the values that tensor cores multiply. Sums are float32 in every format.</summary>
internal interface ITensorFormat
{
    /// <summary>Bytes of a value.</summary>
    static abstract int ElementSize { get; }

    /// <summary>Multiplies a warp's fragments over 32 bytes of k.</summary>
    static abstract void Multiply<TTile>()
        where TTile : struct, IGemmTile;

    /// <summary>Stores result0 to result3 at a global address.</summary>
    static abstract void StoreResults(long address);

    /// <summary>Stages result0 and result1 at one byte of the tiles, result2 and result3 at another.</summary>
    static abstract void StageResults(int first, int second);

    /// <summary>Stages result0 at one byte of the tiles and result1 at another.</summary>
    static abstract void StageGated(int first, int second);

    /// <summary>Loads values 4 * <paramref name="quad"/> to 4 * <paramref name="quad"/> + 3.</summary>
    static abstract Quad LoadQuad(ArrayView<uint> source, long quad);

    /// <summary>Returns the bits of a value, rounded to nearest, in the low ElementSize bytes.</summary>
    static abstract uint Round(float value);

    /// <summary>
    /// Stores values 4 * <paramref name="quad"/> to 4 * <paramref name="quad"/> + 3, rounded, at once.
    /// </summary>
    static abstract void StoreQuad(ArrayView<uint> target, long quad, Quad values);

    /// <summary>
    /// Computes scores over 32 bytes of a head, from registers. For this method and the next ones see
    /// <see cref="AttentionText"/>.
    /// </summary>
    static abstract void MultiplyScores();

    /// <summary>Converts weights from float32 to the format, as the next product takes them.</summary>
    static abstract void PackWeights();

    /// <summary>Computes the outputs of a piece of the head: weights times values.</summary>
    /// <param name="values">Byte of the tiles where the 32 keys' values begin.</param>
    /// <param name="pitch">Bytes from one key's values to the next.</param>
    static abstract void MultiplyValues<TPiece>(int values, int pitch)
        where TPiece : struct, IHeadPiece;

    /// <summary>
    /// Returns where a lane reads values, in bytes from where they begin: one of four places, which serve all pieces of a
    /// head, since its second 128 bytes lie as the first.
    /// </summary>
    static abstract int ValuePlace(int lane, int index, int pitch);

    /// <summary>Stores result0 to result3, a lane's values of a row and a piece that starts at a global address.</summary>
    static abstract void StorePiece(long piece, int lane);
}

/// <summary>Two words that are read or stored at once. <see cref="Quad"/> says when ILGPU does so.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct WordPair(uint first, uint second)
{
    private readonly uint _first = first, _second = second;

    public uint First => _first;

    public uint Second => _second;
}

/// <summary>Four words that are read or stored at once.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct WordQuad(uint first, uint second, uint third, uint fourth)
{
    private readonly uint _first = first, _second = second, _third = third, _fourth = fourth;

    public uint First => _first;

    public uint Second => _second;

    public uint Third => _third;

    public uint Fourth => _fourth;
}

/// <summary>8 bits of exponent, 8 of mantissa.</summary>
internal readonly struct BFloat16Format : ITensorFormat
{
    public static int ElementSize => 2;

    public static void Multiply<TTile>()
        where TTile : struct, IGemmTile => TTile.MultiplyBFloat16();

    public static void StoreResults(long address) => CudaAsm.Emit(EpilogueText.StoreBFloat16, address);

    public static void StageResults(int first, int second) => CudaAsm.Emit(EpilogueText.StageBFloat16, first, second);

    public static void StageGated(int first, int second) => CudaAsm.Emit(EpilogueText.StageGatedBFloat16, first, second);

    public static Quad LoadQuad(ArrayView<uint> source, long quad)
    {
        WordPair words = source.Cast<WordPair>()[quad];
        return new Quad(
            Interop.IntAsFloat(words.First << 16), Interop.IntAsFloat(words.First & 0xffff0000u),
            Interop.IntAsFloat(words.Second << 16), Interop.IntAsFloat(words.Second & 0xffff0000u));
    }

    /// <summary>
    /// Rounds to nearest, ties to even. NaN does not occur in weights; it would stay NaN here unless its mantissa is
    /// all ones.
    /// </summary>
    public static uint Round(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    }

    public static void StoreQuad(ArrayView<uint> target, long quad, Quad values) =>
        target.Cast<WordPair>()[quad] = new WordPair(Round(values.X) | (Round(values.Y) << 16), Round(values.Z) | (Round(values.W) << 16));

    public static void MultiplyScores() => CudaAsm.Emit(AttentionText.ScoresBFloat16);

    public static void PackWeights() => CudaAsm.Emit(AttentionText.PackBFloat16);

    public static int ValuePlace(int lane, int index, int pitch) => Attention.ValueFragment16(lane, index, pitch);

    public static void StorePiece(long piece, int lane) => CudaAsm.Emit(AttentionText.StoreBFloat16, piece + (lane & 3) * 2 * ElementSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyValues<TPiece>(int values, int pitch)
        where TPiece : struct, IHeadPiece
    {
        TPiece.LoadValues16(values, values + 16 * pitch);
        TPiece.MultiplyBFloat16();
    }
}

/// <summary>5 bits of exponent, 11 of mantissa: up to 65504.</summary>
internal readonly struct Float16Format : ITensorFormat
{
    public static int ElementSize => 2;

    public static void Multiply<TTile>()
        where TTile : struct, IGemmTile => TTile.MultiplyFloat16();

    public static void StoreResults(long address) => CudaAsm.Emit(EpilogueText.StoreFloat16, address);

    public static void StageResults(int first, int second) => CudaAsm.Emit(EpilogueText.StageFloat16, first, second);

    public static void StageGated(int first, int second) => CudaAsm.Emit(EpilogueText.StageGatedFloat16, first, second);

    public static Quad LoadQuad(ArrayView<uint> source, long quad)
    {
        WordPair words = source.Cast<WordPair>()[quad];
        return new Quad(Widen(words.First), Widen(words.First >> 16), Widen(words.Second), Widen(words.Second >> 16));
    }

    /// <summary>
    /// The value of 16 bits. The exponent's bias changes by a product with 2^112, which makes normal numbers of the
    /// small ones too.
    /// </summary>
    private static float Widen(uint bits)
    {
        uint size = bits & 0x7fffu;
        uint magnitude = size >= 0x7c00u
            ? 0x7f800000u | (size << 13)
            : Interop.FloatAsInt(Interop.IntAsFloat(size << 13) * 5.192296859e33f);
        return Interop.IntAsFloat(((bits & 0x8000u) << 16) | magnitude);
    }

    /// <summary>
    /// Rounds to nearest, ties to even. ILGPU's own conversion truncates on the host, but device and host must agree.
    /// </summary>
    public static uint Round(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint sign = (bits >> 16) & 0x8000u;
        uint size = bits & 0x7fffffffu;
        // 2^-14 is the smallest normal value. Below it a half is a multiple of 2^-24, the last place of floats from 0.5
        // to 1.
        if (size < 0x38800000u)
            return sign | (Interop.FloatAsInt(Interop.IntAsFloat(size) + 0.5f) - 0x3f000000u);
        if (size > 0x7f800000u)
            return sign | 0x7e00u; // NaN
        if (size >= 0x47800000u)
            return sign | 0x7c00u; // 2^16 and more
        // The exponent's bias changes from 127 to 15. Rounding up past 65504 gives infinity without a special case.
        return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13) & 1u)) >> 13);
    }

    public static void StoreQuad(ArrayView<uint> target, long quad, Quad values) =>
        target.Cast<WordPair>()[quad] = new WordPair(Round(values.X) | (Round(values.Y) << 16), Round(values.Z) | (Round(values.W) << 16));

    public static void MultiplyScores() => CudaAsm.Emit(AttentionText.ScoresFloat16);

    public static void PackWeights() => CudaAsm.Emit(AttentionText.PackFloat16);

    public static int ValuePlace(int lane, int index, int pitch) => Attention.ValueFragment16(lane, index, pitch);

    public static void StorePiece(long piece, int lane) => CudaAsm.Emit(AttentionText.StoreFloat16, piece + (lane & 3) * 2 * ElementSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyValues<TPiece>(int values, int pitch)
        where TPiece : struct, IHeadPiece
    {
        TPiece.LoadValues16(values, values + 16 * pitch);
        TPiece.MultiplyFloat16();
    }
}

/// <summary>Float32 in memory. Tensor cores use 11 bits of its mantissa.</summary>
internal readonly struct TensorFloat32Format : ITensorFormat
{
    public static int ElementSize => 4;

    public static void Multiply<TTile>()
        where TTile : struct, IGemmTile => TTile.MultiplyTensorFloat32();

    public static void StoreResults(long address) => CudaAsm.Emit(EpilogueText.StoreTensorFloat32, address);

    public static void StageResults(int first, int second) => CudaAsm.Emit(EpilogueText.StageTensorFloat32, first, second);

    public static void StageGated(int first, int second) => CudaAsm.Emit(EpilogueText.StageGatedTensorFloat32, first, second);

    public static Quad LoadQuad(ArrayView<uint> source, long quad)
    {
        WordQuad words = source.Cast<WordQuad>()[quad];
        return new Quad(
            Interop.IntAsFloat(words.First), Interop.IntAsFloat(words.Second), Interop.IntAsFloat(words.Third),
            Interop.IntAsFloat(words.Fourth));
    }

    /// <summary>Rounds to nearest, ties away from zero, as cvt.rna does.</summary>
    public static uint Round(float value) => (Interop.FloatAsInt(value) + 0x1000u) & ~0x1fffu;

    public static void StoreQuad(ArrayView<uint> target, long quad, Quad values) =>
        target.Cast<WordQuad>()[quad] = new WordQuad(Round(values.X), Round(values.Y), Round(values.Z), Round(values.W));

    public static void MultiplyScores() => CudaAsm.Emit(AttentionText.ScoresTensorFloat32);

    public static void PackWeights() => CudaAsm.Emit(AttentionText.PackTensorFloat32);

    public static int ValuePlace(int lane, int index, int pitch) => Attention.ValueFragment32(lane, index / 2, index & 1, pitch);

    public static void StorePiece(long piece, int lane) =>
        CudaAsm.Emit(AttentionText.StoreTensorFloat32, piece + (lane & 3) * 4 * ElementSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyValues<TPiece>(int values, int pitch)
        where TPiece : struct, IHeadPiece
    {
        TPiece.LoadValues32(values, values + 8 * pitch, values + 16 * pitch, values + 24 * pitch);
        TPiece.MultiplyTensorFloat32();
        TPiece.MultiplyTensorFloat32Next();
    }
}
