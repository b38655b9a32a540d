using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>The arithmetic of a generated product.</summary>
internal enum TileKind
{
    /// <summary>bfloat16 by bfloat16 into float32.</summary>
    BFloat16,

    /// <summary>Unsigned by signed bytes into int32, scaled to float32 at the end.</summary>
    Int8,
}

/// <summary>
/// Writes the register tiles: 1 to 14 rows by 32 columns over the whole of k, 28 sums in zmm0 to zmm27, two vectors of
/// weights in zmm28 and zmm29, and each value of A spread over zmm30 or zmm31. An element is one chain over k whatever the
/// tile, so the bytes of a result do not depend on how rows are split.
/// </summary>
internal static class TileGenerator
{
    /// <summary>Rows of the largest tile.</summary>
    public const int MaxRows = 14;

    /// <summary>Columns of a tile: two vectors.</summary>
    public const int Width = 32;

    /// <summary>Steps in the body of the loop.</summary>
    public const int Unroll = 2;

    /// <summary>Bytes of a panel's step: 32 columns of four.</summary>
    public const int StepBytes = 4 * Width;

    /// <summary>Steps that the prefetch runs ahead; a panel streams from the second-level cache.</summary>
    private const int PrefetchSteps = 24;

    private const int Left = 28;
    private const int Right = 29;
    private const int CStride = Gemm.BlockSize * sizeof(float);

    /// <summary>Bytes of one value of A.</summary>
    public static int ElementSize(TileKind kind) => kind == TileKind.BFloat16 ? 2 : 1;

    /// <summary>Values of k in a step.</summary>
    public static int StepLength(TileKind kind) => kind == TileKind.BFloat16 ? 2 : 4;

    /// <summary>Writes one tile: C = A B + bias, or C += A B + bias.</summary>
    /// <param name="code">Where to.</param>
    /// <param name="kind">The arithmetic.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="accumulate">Whether C is added to.</param>
    /// <param name="windows">The calling convention: Windows's, or that of all others.</param>
    public static void Tile(X64Code code, TileKind kind, int rows, bool accumulate, bool windows)
    {
        Gpr arguments = Begin(code, windows, 2 * rows);
        const Gpr A = Gpr.Rax, B = Gpr.Rdx, End = Gpr.R8, C = Gpr.R11;
        code.Load(A, arguments, Offset(nameof(TileArguments.A)));
        code.Load(B, arguments, Offset(nameof(TileArguments.B)));
        code.Load(End, arguments, Offset(nameof(TileArguments.Steps)));
        code.Scale4(End, A, End); // a step is four bytes of each row of A, in both formats
        for (int i = 0; i < 2 * rows; i++)
            code.Clear(i);

        int loop = code.Position;
        int stride = Gemm.BlockSize * ElementSize(kind);
        for (int step = 0; step < Unroll; step++)
        {
            code.Load(Left, B, step * StepBytes);
            code.Load(Right, B, step * StepBytes + 64);
            code.Prefetch(B, (PrefetchSteps + step) * StepBytes);
            code.Prefetch(B, (PrefetchSteps + step) * StepBytes + 64);
            for (int row = 0; row < rows; row++)
            {
                int value = 30 + (row & 1);
                code.Broadcast(value, A, row * stride + 4 * step);
                Dot(code, kind, 2 * row, value, Left);
                Dot(code, kind, 2 * row + 1, value, Right);
            }
        }

        code.Add(B, StepBytes * Unroll);
        code.Add(A, 4 * Unroll);
        code.Compare(A, End);
        code.JumpIfBelow(loop);

        if (kind == TileKind.Int8)
            Scale(code, arguments, rows);
        AddBias(code, arguments, kind, rows);
        code.Load(C, arguments, Offset(nameof(TileArguments.C)));
        for (int row = 0; row < rows; row++)
        {
            if (accumulate)
            {
                code.Add(2 * row, C, row * CStride);
                code.Add(2 * row + 1, C, row * CStride + 64);
            }

            code.Store(2 * row, C, row * CStride);
            code.Store(2 * row + 1, C, row * CStride + 64);
        }

        Finish(code, arguments, windows, 2 * rows);
    }

    /// <summary>Writes a loop of nothing but products in registers: the peak that tiles are measured against.</summary>
    /// <param name="code">Where to.</param>
    /// <param name="kind">The arithmetic.</param>
    /// <param name="windows">As for <see cref="Tile"/>.</param>
    public static void Peak(X64Code code, TileKind kind, bool windows)
    {
        Gpr arguments = Begin(code, windows, 2 * MaxRows);
        const Gpr Count = Gpr.Rax, End = Gpr.R8;
        code.Load(End, arguments, Offset(nameof(TileArguments.Steps)));
        code.Load(Count, arguments, Offset(nameof(TileArguments.A)));
        for (int i = 0; i < 32; i++)
            code.Clear(i);
        int loop = code.Position;
        for (int i = 0; i < 2 * MaxRows; i++)
            Dot(code, kind, i, 30, Left);
        code.Add(Count, 1);
        code.Compare(Count, End);
        code.JumpIfBelow(loop);
        Finish(code, arguments, windows, 2 * MaxRows);
    }

    /// <summary>Operations that one round of <see cref="Peak"/> does: two for each multiply-add.</summary>
    public static long PeakOperations(TileKind kind) => 2L * 2 * MaxRows * 16 * StepLength(kind);

    private static void Dot(X64Code code, TileKind kind, int sum, int a, int b)
    {
        if (kind == TileKind.BFloat16)
            code.DotBFloat16(sum, a, b);
        else
            code.DotInt8(sum, a, b);
    }

    /// <summary>
    /// Each sum of A's bytes q times B's bytes w becomes the sum over k of (rowScale * (q - rowZero)) * (scale * w), except
    /// for the factor rowScale, which the bias's multiply-add takes along.
    /// </summary>
    private static void Scale(X64Code code, Gpr arguments, int rows)
    {
        const Gpr Pointer = Gpr.R9, RowZero = Gpr.Rdx;
        code.Load(Pointer, arguments, Offset(nameof(TileArguments.Scale)));
        code.Load(30, Pointer, 0);
        code.Load(31, Pointer, 64);
        for (int row = 0; row < rows; row++)
        {
            code.ToFloat(2 * row);
            code.ToFloat(2 * row + 1);
            code.Multiply(2 * row, 30);
            code.Multiply(2 * row + 1, 31);
        }

        code.Load(Pointer, arguments, Offset(nameof(TileArguments.ZeroSum)));
        code.Load(RowZero, arguments, Offset(nameof(TileArguments.RowZero)));
        code.Load(30, Pointer, 0);
        code.Load(31, Pointer, 64);
        for (int row = 0; row < rows; row++)
        {
            code.SubtractProduct(2 * row, 30, RowZero, 4 * row);
            code.SubtractProduct(2 * row + 1, 31, RowZero, 4 * row);
        }
    }

    private static void AddBias(X64Code code, Gpr arguments, TileKind kind, int rows)
    {
        const Gpr Pointer = Gpr.R9, RowScale = Gpr.Rax;
        code.Load(Pointer, arguments, Offset(nameof(TileArguments.Bias)));
        code.Load(Left, Pointer, 0);
        code.Load(Right, Pointer, 64);
        if (kind == TileKind.Int8)
            code.Load(RowScale, arguments, Offset(nameof(TileArguments.RowScale)));
        for (int row = 0; row < rows; row++)
        {
            if (kind == TileKind.Int8)
            {
                code.Broadcast(30, RowScale, 4 * row);
                code.MultiplyAdd(2 * row, 30, Left);
                code.MultiplyAdd(2 * row + 1, 30, Right);
            }
            else
            {
                code.Add(2 * row, Left);
                code.Add(2 * row + 1, Right);
            }
        }
    }

    /// <summary>Saves what belongs to the caller; returns the register of the arguments.</summary>
    private static Gpr Begin(X64Code code, bool windows, int sums)
    {
        Gpr arguments = windows ? Gpr.Rcx : Gpr.Rdi;
        for (int xmm = 6; windows && xmm < Math.Min(16, sums); xmm++)
            code.Store128(xmm, arguments, Offset(nameof(TileArguments.Saved)) + 16 * (xmm - 6));
        return arguments;
    }

    private static void Finish(X64Code code, Gpr arguments, bool windows, int sums)
    {
        for (int xmm = 6; windows && xmm < Math.Min(16, sums); xmm++)
            code.Load128(xmm, arguments, Offset(nameof(TileArguments.Saved)) + 16 * (xmm - 6));
        code.Return();
    }

    private static int Offset(string field) => (int)Marshal.OffsetOf<TileArguments>(field);
}
