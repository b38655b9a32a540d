using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Dino.Gpu.Kernels.Portable;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>
/// Every portable kernel, in every tile shape for GPUs and with every epilogue, compiles to PTX. No GPU is needed.
/// </summary>
public sealed partial class PortablePtxTests
{
    private const int SharedMemoryOfAGroup = 48 * 1024;

    /// <summary>
    /// Turing, Ampere. ILGPU writes no target above sm_80; newer devices run that: see <see cref="GpuKernelTests"/>.
    /// </summary>
    [Theory]
    [InlineData(7, 5)]
    [InlineData(8, 0)]
    public void Every_kernel_compiles_to_PTX(int major, int minor)
    {
        int count = 0;
        foreach ((string name, MethodInfo kernel, _) in GpuKernels.All.Where(kernel => !kernel.NeedsTensorCores))
        {
            string ptx = GpuKernels.Compile(kernel, major, minor);
            Assert.Contains(".entry", ptx, StringComparison.Ordinal);
            Assert.False(ptx.Contains(".local", StringComparison.Ordinal), $"{name} keeps values in local memory");
            int sharedMemory = SharedPattern().Matches(ptx).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
            Assert.True(sharedMemory <= SharedMemoryOfAGroup, $"{name} needs {sharedMemory} bytes of shared memory");
            if ((major, minor) == (8, 0))
                TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {sharedMemory} bytes of shared memory");
            count++;
        }

        // 4 tile shapes x 4 Gemm, 3 x (attention + scores), 2 row shapes x (LayerNorm + Softmax), 2 of unfold, assemble,
        // rotate, pack, rollout, peak, 3 of the resize, 2 row shapes of TopK, ordered scores, 2 + 2 row shapes of the
        // probe, and the trial of a device.
        Assert.Equal(44, count);
    }

    /// <summary>
    /// What the tiles promise: shared memory read 16 bytes at a time, one barrier a slice (and one when all are done),
    /// 16-byte loads and stores of global memory, and products and sums that the driver may contract to one
    /// instruction, since neither names a rounding.
    /// </summary>
    [Theory]
    [InlineData(typeof(Tile128x128), 0.90)]
    [InlineData(typeof(Tile128x64), 0.85)]
    [InlineData(typeof(Tile64x64), 0.75)]
    [InlineData(typeof(Tile32x32), 0.75)]
    public void Gemm_has_the_instructions_of_its_tile(Type tile, double share)
    {
        string ptx = GpuKernels.Compile(typeof(Gemm).GetMethod(nameof(Gemm.Kernel))!.MakeGenericMethod(tile, typeof(AddEpilogue)));
        int rowQuads = Constant(tile, nameof(ITileShape.RowQuads));
        int columnQuads = Constant(tile, nameof(ITileShape.ColumnQuads));

        string loop = InnerLoop(ptx);
        int products = Count(loop, "mul.f32");
        int loads = Count(loop, "ld.shared.v4.f32");
        Assert.Equal(4 * 16 * rowQuads * columnQuads, products);
        Assert.Equal(products, Count(loop, "add.f32"));
        Assert.Equal(4 * (rowQuads + columnQuads), loads);
        Assert.Equal(loads, Count(loop, "ld."));
        Assert.InRange(products / (double)(products + loads), share, 1);
        Assert.DoesNotContain(".rn.f32", ptx, StringComparison.Ordinal);
        Assert.Equal(2, Count(ptx, "bar.sync"));
        Assert.Equal(4 * rowQuads * columnQuads, Count(ptx, "st.global.v4.f32"));

        // Two slices' worth of loads and, for each row of four columns, the old value; with each four columns, a bias.
        int slice = (rowQuads + columnQuads) * Constant(tile, nameof(ITileShape.Depth)) / Constant(tile, nameof(ITileShape.Side));
        Assert.InRange(Count(ptx, "ld.global.v4.f32"), 2 * slice + 4 * rowQuads * columnQuads + columnQuads, int.MaxValue);
    }

    [Theory]
    [InlineData(typeof(Tile128x64))]
    [InlineData(typeof(Tile64x64))]
    [InlineData(typeof(Tile32x32))]
    public void Attention_keeps_its_tiles_on_chip(Type tile)
    {
        string ptx = GpuKernels.Compile(typeof(Attention).GetMethod(nameof(Attention.Kernel))!.MakeGenericMethod(tile));
        int rowQuads = Constant(tile, nameof(ITileShape.RowQuads));

        // Slices of queries and keys, maxima twice, slices of values, and one when the step is over.
        Assert.Equal(6, Count(ptx, "bar.sync"));
        Assert.Equal(4 * (rowQuads + 1), Count(InnerLoop(ptx), "ld.shared.v4.f32"));
        Assert.Equal(4 * rowQuads, Count(ptx, "st.global.v4.f32"));
        Assert.InRange(Count(ptx, "st.shared.v4.f32"), 5 * rowQuads + 1, int.MaxValue);
    }

    /// <summary>
    /// Each of the six quads that a thread keeps is loaded at one place, with its weight and bias; the loops for longer
    /// rows have five more.
    /// </summary>
    [Fact]
    public void LayerNorm_reads_its_row_once()
    {
        string ptx = GpuKernels.Compile(typeof(LayerNorm).GetMethod(nameof(LayerNorm.Kernel))!.MakeGenericMethod(typeof(Rows8x32)));
        Assert.Equal((6 * 3) + 5, Count(ptx, "ld.global.v4.f32"));
        Assert.Equal(7, Count(ptx, "st.global.v4.f32"));
        Assert.Equal(4, Count(ptx, "bar.sync"));
    }

    /// <summary>The first basic block that reads shared memory by quads and multiplies.</summary>
    private static string InnerLoop(string ptx) =>
        BlockEnd().Split(ptx).First(
            block => block.Contains("ld.shared.v4.f32", StringComparison.Ordinal) && block.Contains("mul.f32", StringComparison.Ordinal));

    private static int Count(string text, string instruction) => text.Split(instruction).Length - 1;

    private static int Constant(Type tile, string name) => (int)tile.GetProperty(name)!.GetValue(null)!;

    [GeneratedRegex(@"\.shared \.align \d+ \.b8 \w+\[(\d+)\]")]
    private static partial Regex SharedPattern();

    /// <summary>A label or a branch.</summary>
    [GeneratedRegex(@"^\s*(L_\d+:|@?!?%?p?\d*\s*bra\S*\s+L_\d+;)\s*$", RegexOptions.Multiline)]
    private static partial Regex BlockEnd();
}
