using System.Runtime.Intrinsics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Reads 8x8 matrices of 16-bit values from shared memory, a row an address, and spreads them over the lanes.
/// </summary>
internal sealed unsafe class MatrixLoadOp(Place place, bool transposed, Reg[] targets) : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        WarpChecks.RequireAll(warp, lanes);
        uint used = targets.Length == 4 ? uint.MaxValue : (1u << (8 * targets.Length)) - 1;
        place.Read(warp, used);
        byte** rows = stackalloc byte*[Warp.Size];
        uint definedRows = Access.Read(warp, used, MemorySpace.Shared, 16, rows);
        for (int matrix = 0; matrix < targets.Length; matrix++, rows += 8, definedRows >>= 8)
        {
            int banks = 0;
            for (int row = 0; row < 8; row++)
                banks |= 1 << ((int)warp.Addresses[8 * matrix + row] / 16 % 8);
            if (banks != 0xff)
                warp.Fail(FaultKind.BankConflict, 1u << (8 * matrix), "rows of a matrix lie on the same banks");
            uint* values = warp.Values<uint>(targets[matrix]);
            uint definedLanes = 0;
            for (int row = 0; row < 8 && !transposed; row++)
            {
                Vector128.Load((uint*)rows[row]).Store(values + 4 * row);
                definedLanes |= (definedRows >> row & 1) * 0xf << (4 * row);
            }

            for (int lane = 0; lane < Warp.Size && transposed; lane++)
            {
                int row = lane % 4 * 2;
                values[lane] = ((ushort*)rows[row])[lane / 4] | ((uint)((ushort*)rows[row + 1])[lane / 4] << 16);
                definedLanes |= (definedRows >> row & 3) == 3 ? 1u << lane : 0;
            }

            warp.Defined[targets[matrix].Index] = definedLanes;
        }
    }
}

/// <summary>
/// d (16, 8) = a (16, k) b (k, 8) + c, with the fragments of the PTX ISA ("Matrix Fragments for mma.m16n8k8 /
/// m16n8k16"). Sums are exact to double precision and rounded once; a card rounds more often.
/// </summary>
/// <param name="kind">Of the inputs.</param>
/// <param name="depth">k.</param>
/// <param name="d">Results.</param>
/// <param name="a">Left side.</param>
/// <param name="b">Right side.</param>
/// <param name="c">What is added.</param>
internal sealed unsafe class MatrixMultiplyOp(TensorInput kind, int depth, Reg[] d, Reg[] a, Reg[] b, Reg[] c) : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        WarpChecks.RequireAll(warp, lanes);
        foreach (Reg register in a)
            warp.Require(lanes, register);
        foreach (Reg register in b)
            warp.Require(lanes, register);
        foreach (Reg register in c)
            warp.Require(lanes, register);
        double* left = stackalloc double[FragmentProduct.Rows * FragmentProduct.MostDepth];
        double* right = stackalloc double[FragmentProduct.MostDepth * FragmentProduct.Columns];
        double* sums = stackalloc double[FragmentProduct.Rows * FragmentProduct.Columns];

        // Of both sides, four lanes have a piece of a row, or of a column: its values lie side by side.
        int piece = kind == TensorInput.TensorFloat32 ? 4 : 8;
        for (int group = 0; group < Warp.Size / 4; group++)
        {
            for (int i = 0; i < a.Length; i++)
                FragmentProduct.Widen(kind, warp.Values<uint>(a[i]) + 4 * group,
                    left + (group + i % 2 * 8) * FragmentProduct.MostDepth + i / 2 * piece);
            for (int i = 0; i < b.Length; i++)
                FragmentProduct.SetColumn(kind, warp.Values<uint>(b[i]) + 4 * group, right, i * piece, group);
        }

        FragmentProduct.LoadSums(warp, c, sums);
        FragmentProduct.Multiply(left, right, sums, depth);
        FragmentProduct.StoreSums(warp, d, sums);
    }
}

/// <summary>
/// 16 rows and 8 columns of sums: what a warp's tensor core multiplies at once. Columns lie here as lanes have them, the even
/// ones before the odd ones.
/// </summary>
internal static unsafe class FragmentProduct
{
    public const int Rows = 16;
    public const int Columns = 8;

    /// <summary>Values of a row of the left side, and from one row to the next.</summary>
    public const int MostDepth = 16;

    /// <summary>Eight values of 16 bits, or four of 32, in double precision.</summary>
    public static void Widen(TensorInput kind, void* from, double* to)
    {
        // Tensor cores take a float32 without its last 13 bits.
        if (kind == TensorInput.TensorFloat32)
            Vector256.WidenLower((Vector128.Load((uint*)from) & Vector128.Create(~0x1fffu)).AsSingle().ToVector256()).Store(to);
        else
            Vector512.WidenLower(Singles(kind, Vector128.Load((ushort*)from)).ToVector512()).Store(to);
    }

    /// <summary>Sets a piece of a column of the right side, as <see cref="Widen"/> takes it.</summary>
    /// <param name="kind">Of the values.</param>
    /// <param name="from">The values, along k.</param>
    /// <param name="right">The right side, rows of <see cref="Columns"/>.</param>
    /// <param name="k">The first row of the piece.</param>
    /// <param name="column">The column.</param>
    public static void SetColumn(TensorInput kind, void* from, double* right, int k, int column)
    {
        double* values = stackalloc double[8];
        Widen(kind, from, values);
        right += k * Columns + column % 2 * 4 + column / 2;
        for (int i = 0; i < (kind == TensorInput.TensorFloat32 ? 4 : 8); i++)
            right[i * Columns] = values[i];
    }

    /// <summary>
    /// Takes sums from four registers: of lane l the columns 2 (l mod 4) and the next, in row l / 4, and in row l / 4 + 8.
    /// </summary>
    public static void LoadSums(Warp warp, ReadOnlySpan<Reg> registers, double* sums)
    {
        for (int row = 0; row < Rows; row++)
        {
            int first = row < 8 ? 0 : 2;
            Vector256<float> both = Vector256.Create(
                Vector128.Load(warp.Values<float>(registers[first]) + row % 8 * 4),
                Vector128.Load(warp.Values<float>(registers[first + 1]) + row % 8 * 4));
            Vector512.WidenLower(both.ToVector512()).Store(sums + row * Columns);
        }
    }

    /// <summary>Puts sums, rounded, where <see cref="LoadSums"/> takes them from.</summary>
    public static void StoreSums(Warp warp, ReadOnlySpan<Reg> registers, double* sums)
    {
        for (int row = 0; row < 8; row++)
        {
            Vector512<float> rounded = Vector512.Narrow(Vector512.Load(sums + row * Columns), Vector512.Load(sums + (row + 8) * Columns));
            rounded.GetLower().GetLower().Store(warp.Values<float>(registers[0]) + 4 * row);
            rounded.GetLower().GetUpper().Store(warp.Values<float>(registers[1]) + 4 * row);
            rounded.GetUpper().GetLower().Store(warp.Values<float>(registers[2]) + 4 * row);
            rounded.GetUpper().GetUpper().Store(warp.Values<float>(registers[3]) + 4 * row);
        }

        foreach (Reg register in registers)
            warp.Defined[register.Index] = uint.MaxValue;
    }

    /// <summary>Eight rows at a time, so that one does not wait for the other. Products are exact in double precision.</summary>
    public static void Multiply(double* left, double* right, double* sums, int depth)
    {
        for (int row = 0; row < Rows; row += 8)
        {
            double* from = left + row * MostDepth;
            double* to = sums + row * Columns;
            Vector512<double> s0 = Vector512.Load(to), s1 = Vector512.Load(to + 8);
            Vector512<double> s2 = Vector512.Load(to + 16), s3 = Vector512.Load(to + 24);
            Vector512<double> s4 = Vector512.Load(to + 32), s5 = Vector512.Load(to + 40);
            Vector512<double> s6 = Vector512.Load(to + 48), s7 = Vector512.Load(to + 56);
            for (int k = 0; k < depth; k++)
            {
                Vector512<double> factor = Vector512.Load(right + k * Columns);
                s0 += Vector512.Create(from[k]) * factor;
                s1 += Vector512.Create(from[16 + k]) * factor;
                s2 += Vector512.Create(from[32 + k]) * factor;
                s3 += Vector512.Create(from[48 + k]) * factor;
                s4 += Vector512.Create(from[64 + k]) * factor;
                s5 += Vector512.Create(from[80 + k]) * factor;
                s6 += Vector512.Create(from[96 + k]) * factor;
                s7 += Vector512.Create(from[112 + k]) * factor;
            }

            s0.Store(to);
            s1.Store(to + 8);
            s2.Store(to + 16);
            s3.Store(to + 24);
            s4.Store(to + 32);
            s5.Store(to + 40);
            s6.Store(to + 48);
            s7.Store(to + 56);
        }
    }

    /// <summary>bfloat16 is the upper half of a float32; of a half the exponent is moved, in which subnormal ones become normal.</summary>
    private static Vector256<float> Singles(TensorInput kind, Vector128<ushort> values)
    {
        Vector256<uint> wide = Vector256.WidenLower(values.ToVector256());
        if (kind == TensorInput.BFloat16)
            return (wide << 16).AsSingle();
        Vector256<uint> sign = (wide & Vector256.Create(0x8000u)) << 16;
        Vector256<float> scale = Vector256.Create(BitConverter.UInt32BitsToSingle((127 + 112) << 23));
        Vector256<uint> size = (((wide & Vector256.Create(0x7fffu)) << 13).AsSingle() * scale).AsUInt32();
        Vector256<uint> most = Vector256.Create(0x7c00u);
        Vector256<uint> infinite = Vector256.Equals(wide & most, most) & Vector256.Create(0x7f800000u);
        return (sign | size | infinite).AsSingle();
    }
}

/// <summary>What tensor cores multiply.</summary>
internal enum TensorInput
{
    Float16,
    BFloat16,
    TensorFloat32,
}

/// <summary>Reads a register of another lane. What a lane reads that has left is not defined.</summary>
internal sealed unsafe class ShuffleOp(string mode, Reg target, Reg a, Reg b, Reg c, Reg predicate) : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, b);
        warp.Require(lanes, c);
        uint* from = stackalloc uint[Warp.Size];
        new ReadOnlySpan<uint>(warp.Values<uint>(a), Warp.Size).CopyTo(new Span<uint>(from, Warp.Size));
        uint before = warp.Defined[a.Index];
        uint defined = 0;
        uint inside = 0;
        for (int lane = 0; lane < Warp.Size; lane++)
        {
            if ((lanes >> lane & 1) == 0)
                continue;
            int distance = (int)warp.Values<uint>(b)[lane] & 31;
            int clamp = (int)warp.Values<uint>(c)[lane];
            int segment = clamp >> 8 & 31;
            int last = (lane & segment) | (clamp & 31 & ~segment);
            (int source, bool isInside) = mode switch
            {
                "up" => (lane - distance, lane - distance >= last),
                "down" => (lane + distance, lane + distance <= last),
                "bfly" => (lane ^ distance, (lane ^ distance) <= last),
                _ => ((lane & segment) | (distance & ~segment), ((lane & segment) | (distance & ~segment)) <= last),
            };
            if (!isInside)
                source = lane;
            inside |= isInside ? 1u << lane : 0;
            warp.Values<uint>(target)[lane] = from[source];
            defined |= (before & lanes) >> source << 31 >> 31 << lane;
        }

        warp.Defined[target.Index] = (warp.Defined[target.Index] & ~lanes) | defined;
        if (predicate.Index >= 0)
        {
            warp.Bits[predicate.Index] = (warp.Bits[predicate.Index] & ~lanes) | inside;
            warp.Defined[predicate.Index] |= lanes;
        }
    }
}

/// <summary>Whether a predicate is true on any lane, for all lanes.</summary>
internal sealed unsafe class VoteAnyOp(Reg target, Reg source) : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        WarpChecks.RequireAll(warp, lanes);
        warp.Require(lanes, source);
        warp.Bits[target.Index] = warp.Bits[source.Index] != 0 ? uint.MaxValue : 0;
        warp.Defined[target.Index] = uint.MaxValue;
    }
}

/// <summary>What instructions of a whole warp need.</summary>
internal static class WarpChecks
{
    public static void RequireAll(Warp warp, uint lanes)
    {
        if (lanes != uint.MaxValue)
            warp.Fail(FaultKind.DivergentBarrier, ~lanes, "a lane is missing where all 32 lanes are needed");
    }
}
