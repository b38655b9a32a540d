using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// Writes the tiles of processors with AMX: up to 32 rows by 32 columns, as two by two of the processor's tiles of 16 by
/// 16 sums, over the same panels as <see cref="TileGenerator"/>: a panel's step is a row of two tiles. The sums go through
/// memory to the vector unit, which scales and adds them exactly as <see cref="TileGenerator"/> does.
/// </summary>
internal static class AmxGenerator
{
    /// <summary>Rows of the largest tile.</summary>
    public const int MaxRows = 32;

    /// <summary>Steps that one instruction takes: rows of a tile of weights.</summary>
    public const int StepUnit = 16;

    private const int Half = 16;
    private const int RowBytes = 64;
    private const int Left = 28;
    private const int Right = 29;
    private const int CStride = Gemm.BlockSize * sizeof(float);

    /// <summary>Bytes that <see cref="Begin"/> reads: palette 1, and 16 rows of 64 bytes for each of eight tiles.</summary>
    public static byte[] Shapes()
    {
        byte[] shapes = new byte[64];
        shapes[0] = 1;
        for (int tile = 0; tile < 8; tile++)
        {
            shapes[16 + 2 * tile] = RowBytes;
            shapes[48 + tile] = Half;
        }

        return shapes;
    }

    /// <summary>A function that sets the shapes of the tiles from its argument.</summary>
    public static void Begin(X64Code code)
    {
        code.LoadTileShapes(Gpr.Rdi);
        code.Return();
    }

    /// <summary>A function that gives the tiles back: while they are in use, a change of threads saves 8 KiB more.</summary>
    public static void End(X64Code code)
    {
        code.ReleaseTiles();
        code.Return();
    }

    /// <summary>Writes one tile: C = A B + bias, or C += A B + bias, for the rows that the arguments say.</summary>
    /// <param name="code">Where to.</param>
    /// <param name="kind">The arithmetic.</param>
    /// <param name="twoHalves">Whether there are more than 16 rows. Rows of A after the last are read, of C not written.</param>
    /// <param name="accumulate">Whether C is added to.</param>
    public static void Tile(X64Code code, TileKind kind, bool twoHalves, bool accumulate)
    {
        const Gpr Arguments = Gpr.Rdi, A = Gpr.Rax, B = Gpr.Rdx, End = Gpr.R8, AStride = Gpr.R9, BStride = Gpr.R10, Sums = Gpr.R11;
        int stride = Gemm.BlockSize * TileGenerator.ElementSize(kind);
        code.Load(A, Arguments, Offset(nameof(TileArguments.A)));
        code.Load(B, Arguments, Offset(nameof(TileArguments.B)));
        code.Load(End, Arguments, Offset(nameof(TileArguments.Steps)));
        code.Load(Sums, Arguments, Offset(nameof(TileArguments.Sums)));
        code.Scale4(End, A, End);
        code.Set(AStride, stride);
        code.Set(BStride, TileGenerator.StepBytes);
        int sums = twoHalves ? 4 : 2;
        for (int tile = 0; tile < sums; tile++)
            code.ClearTile(tile);

        int loop = code.Position;
        code.LoadTile(6, B, BStride, 0);
        code.LoadTile(7, B, BStride, RowBytes);
        code.LoadTile(4, A, AStride, 0);
        Dot(code, kind, 0, 4, 6);
        Dot(code, kind, 1, 4, 7);
        if (twoHalves)
        {
            code.LoadTile(5, A, AStride, Half * stride);
            Dot(code, kind, 2, 5, 6);
            Dot(code, kind, 3, 5, 7);
        }

        code.Add(A, RowBytes);
        code.Add(B, StepUnit * TileGenerator.StepBytes);
        code.Compare(A, End);
        code.JumpIfBelow(loop);
        for (int tile = 0; tile < sums; tile++)
            code.StoreTile(tile, Sums, BStride, tile / 2 * Half * TileGenerator.StepBytes + tile % 2 * RowBytes);
        Rows(code, kind, accumulate);
    }

    /// <summary>Writes a loop of nothing but products of tiles.</summary>
    public static void Peak(X64Code code, TileKind kind)
    {
        const Gpr Arguments = Gpr.Rdi, Count = Gpr.Rax, End = Gpr.R8;
        code.Load(End, Arguments, Offset(nameof(TileArguments.Steps)));
        code.Load(Count, Arguments, Offset(nameof(TileArguments.A)));
        int loop = code.Position;
        for (int tile = 0; tile < 4; tile++)
            Dot(code, kind, tile, 4 + tile / 2, 6 + tile % 2);
        code.Add(Count, 1);
        code.Compare(Count, End);
        code.JumpIfBelow(loop);
        code.Return();
    }

    /// <summary>Operations that one round of <see cref="Peak"/> does: two for each multiply-add.</summary>
    public static long PeakOperations(TileKind kind) => 2L * 4 * Half * 16 * StepUnit * TileGenerator.StepLength(kind);

    /// <summary>Row by row from the sums to C, with the same operations as <see cref="TileGenerator"/>'s.</summary>
    private static void Rows(X64Code code, TileKind kind, bool accumulate)
    {
        const Gpr Arguments = Gpr.Rdi, Pointer = Gpr.R9, RowScale = Gpr.Rax, RowZero = Gpr.Rdx, Sums = Gpr.R11, C = Gpr.R10, End = Gpr.R8;
        code.Load(Pointer, Arguments, Offset(nameof(TileArguments.Bias)));
        code.Load(Left, Pointer, 0);
        code.Load(Right, Pointer, 64);
        if (kind == TileKind.Int8)
        {
            code.Load(Pointer, Arguments, Offset(nameof(TileArguments.Scale)));
            code.Load(24, Pointer, 0);
            code.Load(25, Pointer, 64);
            code.Load(Pointer, Arguments, Offset(nameof(TileArguments.ZeroSum)));
            code.Load(26, Pointer, 0);
            code.Load(27, Pointer, 64);
            code.Load(RowZero, Arguments, Offset(nameof(TileArguments.RowZero)));
        }

        // Four bytes a row: a counter, and for bytes the pointer to the row's scale.
        code.Load(RowScale, Arguments, Offset(nameof(TileArguments.RowScale)));
        code.Load(End, Arguments, Offset(nameof(TileArguments.Rows)));
        code.Scale4(End, RowScale, End);
        code.Load(C, Arguments, Offset(nameof(TileArguments.C)));
        int loop = code.Position;
        code.Load(0, Sums, 0);
        code.Load(1, Sums, 64);
        if (kind == TileKind.Int8)
        {
            code.ToFloat(0);
            code.ToFloat(1);
            code.Multiply(0, 24);
            code.Multiply(1, 25);
            code.SubtractProduct(0, 26, RowZero, 0);
            code.SubtractProduct(1, 27, RowZero, 0);
            code.Broadcast(30, RowScale, 0);
            code.MultiplyAdd(0, 30, Left);
            code.MultiplyAdd(1, 30, Right);
            code.Add(RowZero, 4);
        }
        else
        {
            code.Add(0, Left);
            code.Add(1, Right);
        }

        if (accumulate)
        {
            code.Add(0, C, 0);
            code.Add(1, C, 64);
        }

        code.Store(0, C, 0);
        code.Store(1, C, 64);
        code.Add(C, CStride);
        code.Add(Sums, TileGenerator.StepBytes);
        code.Add(RowScale, 4);
        code.Compare(RowScale, End);
        code.JumpIfBelow(loop);
        code.Return();
    }

    private static void Dot(X64Code code, TileKind kind, int sum, int a, int b)
    {
        if (kind == TileKind.BFloat16)
            code.DotTileBFloat16(sum, a, b);
        else
            code.DotTileInt8(sum, a, b);
    }

    private static int Offset(string field) => (int)Marshal.OffsetOf<TileArguments>(field);
}
