namespace Dino.Gpu.Tests.Cuda;

/// <summary>Shows what a thread wrote to shared memory to wgmma.</summary>
internal sealed class ProxyFenceOp : PtxOp
{
    public override void Run(Warp warp, uint lanes) => warp.Group.Shared.Show(warp, lanes);
}

/// <summary>Orders accesses to registers before it and products after it.</summary>
internal sealed class ProductFenceOp() : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        Warpgroup.Do(warp, lanes, this);
        warp.Products.Fence();
    }
}

/// <summary>Puts the products begun so far into one group.</summary>
internal sealed class ProductCommitOp() : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        Warpgroup.Do(warp, lanes, this);
        warp.Products.Commit();
    }
}

/// <summary>Waits for all groups of products but the latest few.</summary>
internal sealed class ProductWaitOp(int pending) : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes)
    {
        Warpgroup.Do(warp, lanes, this);
        warp.Products.Wait(warp, pending);
    }
}

/// <summary>
/// A matrix in shared memory, contiguous along k, as a descriptor names it. PTX ISA, "Matrix Descriptor Format": address,
/// offsets along the leading and the strided dimension, base offset, swizzling mode.
/// </summary>
/// <param name="bits">The descriptor.</param>
internal readonly struct MatrixDescriptor(long bits)
{
    private const long Reserved = ~((0x3fffL << 0) | (0x3fffL << 16) | (0x3fffL << 32) | (7L << 49) | (3L << 62));

    public long Address => Field(0) * 16;

    /// <summary>Bytes from a core matrix to the next along k; without meaning where rows are swizzled.</summary>
    public long LeadingOffset => Field(16) * 16;

    /// <summary>Bytes from eight rows to the next eight.</summary>
    public long StrideOffset => Field(32) * 16;

    /// <summary>Which row of 128 bytes after a multiple of 1024 the swizzle's pattern begins at.</summary>
    public long BaseOffset => (bits >> 49) & 7;

    /// <summary>0: none, 1: 128 bytes, 2: 64 bytes, 3: 32 bytes.</summary>
    public int Swizzle => (int)((bits >> 62) & 3);

    /// <summary>Bytes of a row of core matrices: 16, or as many as the swizzle's name says.</summary>
    private int RowBytes => Swizzle switch { 1 => 128, 2 => 64, 3 => 32, _ => 16 };

    /// <summary>What is wrong with it; null for nothing.</summary>
    public string? Complaint()
    {
        if ((bits & Reserved) != 0)
            return "bits that have no meaning";

        // An operand begins in the first row of its pattern, so its address says where the pattern begins. The pattern
        // of 128 bytes has eight rows of 128 bytes, that of 64 bytes four, that of 32 bytes two.
        long phase = Swizzle == 0 ? 0 : (Address >> 7) & (RowBytes / 16 - 1);
        return BaseOffset == phase ? null
            : $"a base offset of {BaseOffset} where the pattern begins {phase} rows behind a multiple of {8 * RowBytes}";
    }

    /// <summary>Where 16 bytes of a row begin.</summary>
    /// <param name="row">The row.</param>
    /// <param name="half">0 for the first eight values of k, 1 for the others.</param>
    public long Chunk(int row, int half)
    {
        long address = Address + (row / 8 * StrideOffset) + (row % 8 * RowBytes) + half * (Swizzle == 0 ? LeadingOffset : 16);

        // Bits 4 to 6 (4 and 5, 4) are exchanged by bits 7 to 9 (7 and 8, 7), counted from where the pattern begins.
        long exchange = ((address >> 7) - BaseOffset) & (RowBytes / 16 - 1);
        return address ^ (exchange << 4);
    }

    private long Field(int shift) => (bits >> shift) & 0x3fff;
}

/// <summary>
/// d (64, n) = a (64, 16) b (16, n) + d by the four warps of a warpgroup, operands in shared memory. PTX ISA, "Matrix
/// Fragments for wgmma.mma_async.m64nNk16": warp w has rows 16 w to 16 w + 15; of each 8 columns a lane has, in four
/// sums, row lane / 4 and the row 8 further, columns 2 (lane mod 4) and the next. Sums are exact to double precision and
/// rounded once; a card rounds more often.
/// </summary>
/// <param name="kind">Of the inputs.</param>
/// <param name="columns">n.</param>
/// <param name="sums">d.</param>
/// <param name="a">Descriptor of a.</param>
/// <param name="b">Descriptor of b, of which a row is a column of d.</param>
/// <param name="adds">Whether the old d is added.</param>
internal sealed unsafe class WarpgroupMultiplyOp(TensorInput kind, int columns, Reg[] sums, Reg a, Reg b, Reg adds) : PtxOp(PtxFlow.Warp)
{
    private const int Depth = FragmentProduct.MostDepth;

    public int[] SumIndices { get; } = [.. sums.Select(sum => sum.Index)];

    public override void Run(Warp warp, uint lanes)
    {
        WarpChecks.RequireAll(warp, lanes);
        long first = Same(warp, lanes, a);
        long second = Same(warp, lanes, b);
        Warpgroup.Do(warp, lanes, this, first, second);
        warp.Require(lanes, adds);
        bool isSum = warp.Bits[adds.Index] == lanes;
        if (!isSum && warp.Bits[adds.Index] != 0)
            warp.Fail(FaultKind.Descriptor, lanes & ~warp.Bits[adds.Index], "lanes disagree on whether the old sums are added");
        foreach (Reg sum in isSum ? sums : [])
            warp.Require(lanes, sum);

        double* left = stackalloc double[FragmentProduct.Rows * Depth];
        double* right = stackalloc double[Depth * FragmentProduct.Columns];
        double* results = stackalloc double[FragmentProduct.Rows * FragmentProduct.Columns];
        long[] pieces = new long[2 * (FragmentProduct.Rows + columns)];
        MatrixDescriptor input = Read(warp, first), weight = Read(warp, second);
        for (int row = 0; row < FragmentProduct.Rows; row++)
        {
            for (int half = 0; half < 2; half++)
            {
                ushort* from = Begin(warp, pieces, 2 * row + half, input.Chunk(warp.Index % 4 * FragmentProduct.Rows + row, half));
                FragmentProduct.Widen(kind, from, left + row * Depth + 8 * half);
            }
        }

        for (int j = 0; j < columns / FragmentProduct.Columns; j++)
        {
            for (int row = 0; row < FragmentProduct.Columns; row++)
            {
                int column = j * FragmentProduct.Columns + row;
                for (int half = 0; half < 2; half++)
                {
                    ushort* from = Begin(
                        warp, pieces, 2 * (FragmentProduct.Rows + column) + half, weight.Chunk(column, half));
                    FragmentProduct.SetColumn(kind, from, right, 8 * half, row);
                }
            }

            new Span<double>(results, FragmentProduct.Rows * FragmentProduct.Columns).Clear();
            if (isSum)
                FragmentProduct.LoadSums(warp, sums.AsSpan(4 * j, 4), results);
            FragmentProduct.Multiply(left, right, results, Depth);
            FragmentProduct.StoreSums(warp, sums.AsSpan(4 * j, 4), results);
        }

        warp.Products.Begin(warp, SumIndices, columns, pieces);
    }

    private static ushort* Begin(Warp warp, long[] pieces, int index, long address)
    {
        pieces[index] = address;
        return (ushort*)warp.Group.Shared.BeginProduct(warp, address);
    }

    /// <summary>The value that all lanes have.</summary>
    private static long Same(Warp warp, uint lanes, Reg register)
    {
        warp.Require(lanes, register);
        long value = warp.Values<long>(register)[0];
        if (new ReadOnlySpan<long>(warp.Values<long>(register), Warp.Size).ContainsAnyExcept(value))
            warp.Fail(FaultKind.Descriptor, lanes, "lanes disagree on a descriptor");
        return value;
    }

    private static MatrixDescriptor Read(Warp warp, long bits)
    {
        var descriptor = new MatrixDescriptor(bits);
        if (descriptor.Complaint() is { } complaint)
            warp.Fail(FaultKind.Descriptor, 1, $"the descriptor 0x{bits:x} has {complaint}");
        return descriptor;
    }
}
