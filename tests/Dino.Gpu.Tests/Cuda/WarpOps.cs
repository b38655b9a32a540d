using System.Runtime.Intrinsics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Reads 8x8 matrices of 16-bit values from shared memory, a row an address, and spreads them over the lanes.
/// </summary>
internal sealed unsafe class MatrixLoadOp(Place place, bool transposed, Reg[] targets) : PtxOp
{
    public override PtxFlow Flow => PtxFlow.Warp;

    public override void Run(Warp warp, uint lanes)
    {
        WarpChecks.RequireAll(warp, lanes);
        uint used = targets.Length == 4 ? uint.MaxValue : (1u << (8 * targets.Length)) - 1;
        place.Read(warp, used);
        byte** rows = stackalloc byte*[8];
        for (int matrix = 0; matrix < targets.Length; matrix++)
        {
            int banks = 0;
            uint definedRows = 0;
            for (int row = 0; row < 8; row++)
            {
                int lane = 8 * matrix + row;
                rows[row] = warp.Group.Shared.Read(warp, lane, warp.Addresses[lane], 16, out bool defined);
                definedRows |= defined ? 1u << row : 0;
                banks |= 1 << (int)(warp.Addresses[lane] / 16 % 8);
            }

            if (banks != 0xff)
                warp.Fail(FaultKind.BankConflict, 1u << (8 * matrix), "rows of a matrix lie on the same banks");
            uint* values = warp.Values<uint>(targets[matrix]);
            uint definedLanes = 0;
            for (int lane = 0; lane < Warp.Size; lane++)
            {
                if (transposed)
                {
                    values[lane] = ((ushort*)rows[lane % 4 * 2])[lane / 4] | ((uint)((ushort*)rows[lane % 4 * 2 + 1])[lane / 4] << 16);
                    definedLanes |= (definedRows >> (lane % 4 * 2) & 3) == 3 ? 1u << lane : 0;
                }
                else
                {
                    values[lane] = ((uint*)rows[lane / 4])[lane % 4];
                    definedLanes |= (definedRows >> (lane / 4) & 1) != 0 ? 1u << lane : 0;
                }
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
internal sealed unsafe class MatrixMultiplyOp(TensorInput kind, int depth, Reg[] d, Reg[] a, Reg[] b, Reg[] c) : PtxOp
{
    private const int Rows = FragmentProduct.Rows;
    private const int Columns = FragmentProduct.Columns;

    public override PtxFlow Flow => PtxFlow.Warp;

    public override void Run(Warp warp, uint lanes)
    {
        WarpChecks.RequireAll(warp, lanes);
        foreach (Reg register in a)
            warp.Require(lanes, register);
        foreach (Reg register in b)
            warp.Require(lanes, register);
        foreach (Reg register in c)
            warp.Require(lanes, register);
        double* left = stackalloc double[Rows * 16];
        double* right = stackalloc double[16 * Columns];
        double* sums = stackalloc double[Rows * Columns];
        bool single = kind == TensorInput.TensorFloat32;
        for (int lane = 0; lane < Warp.Size; lane++)
        {
            int group = lane / 4;
            int inGroup = lane % 4;
            for (int i = 0; i < a.Length; i++)
            {
                uint bits = warp.Values<uint>(a[i])[lane];
                int row = i % 2 == 0 ? group : group + 8;
                if (single)
                {
                    left[row * 16 + inGroup + i / 2 * 4] = TensorFloat(bits);
                }
                else
                {
                    left[row * 16 + 2 * inGroup + i / 2 * 8] = FragmentProduct.Value(kind, bits & 0xffff);
                    left[row * 16 + 2 * inGroup + i / 2 * 8 + 1] = FragmentProduct.Value(kind, bits >> 16);
                }
            }

            for (int i = 0; i < b.Length; i++)
            {
                uint bits = warp.Values<uint>(b[i])[lane];
                if (single)
                {
                    right[(inGroup + 4 * i) * Columns + group] = TensorFloat(bits);
                }
                else
                {
                    right[(2 * inGroup + 8 * i) * Columns + group] = FragmentProduct.Value(kind, bits & 0xffff);
                    right[(2 * inGroup + 8 * i + 1) * Columns + group] = FragmentProduct.Value(kind, bits >> 16);
                }
            }

            for (int i = 0; i < 4; i++)
                sums[(i < 2 ? group : group + 8) * Columns + 2 * inGroup + i % 2] = warp.Values<float>(c[i])[lane];
        }

        FragmentProduct.Multiply(left, right, sums, depth);
        for (int lane = 0; lane < Warp.Size; lane++)
        {
            for (int i = 0; i < 4; i++)
                warp.Values<float>(d[i])[lane] = (float)sums[(i < 2 ? lane / 4 : lane / 4 + 8) * Columns + 2 * (lane % 4) + i % 2];
        }

        foreach (Reg register in d)
            warp.Defined[register.Index] = lanes;
    }

    /// <summary>A float32 as tensor cores take it: without the last 13 bits.</summary>
    private static float TensorFloat(uint bits) => BitConverter.UInt32BitsToSingle(bits & ~0x1fffu);
}

/// <summary>16 rows and 8 columns of sums: what a warp's tensor core multiplies at once.</summary>
internal static unsafe class FragmentProduct
{
    public const int Rows = 16;
    public const int Columns = 8;
    private static readonly float[] Halves =
        [.. Enumerable.Range(0, 65536).Select(bits => (float)BitConverter.UInt16BitsToHalf((ushort)bits))];

    /// <summary>A value of 16 bits.</summary>
    public static float Value(TensorInput kind, uint bits) =>
        kind == TensorInput.Float16 ? Halves[bits] : BitConverter.UInt32BitsToSingle(bits << 16);

    /// <summary>Rows of eight sums, four at a time, so that one does not wait for the other.</summary>
    public static void Multiply(double* left, double* right, double* sums, int depth)
    {
        for (int row = 0; row < Rows; row += 4)
        {
            double* from = left + row * 16;
            double* to = sums + row * Columns;
            Vector512<double> s0 = Vector512.Load(to), s1 = Vector512.Load(to + 8);
            Vector512<double> s2 = Vector512.Load(to + 16), s3 = Vector512.Load(to + 24);
            for (int k = 0; k < depth; k++)
            {
                Vector512<double> factor = Vector512.Load(right + k * Columns);
                s0 += Vector512.Create(from[k]) * factor;
                s1 += Vector512.Create(from[16 + k]) * factor;
                s2 += Vector512.Create(from[32 + k]) * factor;
                s3 += Vector512.Create(from[48 + k]) * factor;
            }

            s0.Store(to);
            s1.Store(to + 8);
            s2.Store(to + 16);
            s3.Store(to + 24);
        }
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
internal sealed unsafe class ShuffleOp(string mode, Reg target, Reg a, Reg b, Reg c, Reg predicate) : PtxOp
{
    public override PtxFlow Flow => PtxFlow.Warp;

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
internal sealed unsafe class VoteAnyOp(Reg target, Reg source) : PtxOp
{
    public override PtxFlow Flow => PtxFlow.Warp;

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
