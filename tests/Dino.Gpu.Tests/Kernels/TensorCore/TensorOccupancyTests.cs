using System.Globalization;
using System.Reflection;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Tests.Cuda;
using Attention = Dino.Gpu.Kernels.TensorCore.Attention;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// What docs/gpu.md estimates for the tensor-core kernels on an H200 is computed here, from their PTX, their sizes and
/// the groups a multiprocessor of the assembler's table; a page that says otherwise fails.
/// </summary>
public sealed class TensorOccupancyTests
{
    private const int Tokens = 197;

    private static readonly (string Name, int RowsOfImage, int Columns, int Depth, int OutputBytes)[] Products =
    [
        ("patch embedding", Tokens - 1, 384, 768, 8), // the residual stream is read and written
        ("qkv", Tokens, 1152, 384, 2),
        ("proj", Tokens, 384, 384, 8),
        ("fc1 + GELU", Tokens, 1536, 384, 2),
        ("fc2", Tokens, 384, 1536, 8),
    ];

    [Fact]
    public void Page_says_what_the_kernels_need()
    {
        string[] lines =
        [
            Row(Resources("products, 128x128, bf16", Product<Tile128X128, BFloat16Format>(), Gemm.Threads<Tile128X128>())),
            Row(Resources("products, 64x64, bf16", Product<Tile64X64, BFloat16Format>(), Gemm.Threads<Tile64X64>())),
            Row(Resources("products, 128x128, tf32", Product<Tile128X128, TensorFloat32Format>(), Gemm.Threads<Tile128X128>())),
            Row(Resources("attention, heads of 64, bf16", AttentionOf<BFloat16Format, Head64>(), Attention.Threads)),
            Row(Resources("attention, heads of 64, tf32", AttentionOf<TensorFloat32Format, Head64>(), Attention.Threads)),
            Row(Resources("attention, heads of 128, bf16", AttentionOf<BFloat16Format, Head128>(), Attention.Threads)),
            Row(Resources("LayerNorm, bf16", LayerNorm(), TileLayout.WarpSize * RowKernels.RowsPerGroup)),
        ];
        GpuPage.AssertSays(lines);
    }

    [Fact]
    public void Page_says_how_many_waves_and_what_bounds()
    {
        int large = GroupsOfOne("Gemm.Kernel-Tile128X128-BFloat16Format-StoreEpilogue");
        int small = GroupsOfOne("Gemm.Kernel-Tile64X64-BFloat16Format-StoreEpilogue");
        int attention = GroupsOfOne("Attention.Kernel-BFloat16Format-Head64");
        int layerNorm = GroupsOfOne("RowKernels.LayerNormKernel-BFloat16Format");
        var lines = new List<string>();
        foreach (int batch in new[] { 1, 32, 128, 512 })
        {
            foreach ((string name, int rowsOfImage, int columns, int depth, int outputBytes) in Products)
            {
                int rows = batch * rowsOfImage;
                bool tall = TileChoice.TensorCost<Tile128X128>(rows, columns, 2 * depth, GpuPage.Multiprocessors)
                    <= TileChoice.TensorCost<Tile64X64>(rows, columns, 2 * depth, GpuPage.Multiprocessors);
                int tile = tall ? 128 : 64;
                long groups = (long)((rows + tile - 1) / tile) * ((columns + tile - 1) / tile);
                double bytes = 2.0 * depth * ((double)rows + columns) + (double)rows * columns * outputBytes;
                lines.Add(
                    Row(
                        batch,
                        name,
                        $"{rows} x {columns} x {depth}",
                        $"{tile}x{tile}",
                        groups,
                        tall ? large : small,
                        2.0 * rows * columns * depth,
                        bytes));
            }

            double tokens = (double)batch * Tokens;
            lines.Add(Row(
                batch, "attention", $"{batch * 6} x {Tokens} x {Tokens} x 64", "64", (long)batch * 6 * ((Tokens + 63) / 64), attention,
                4 * tokens * Tokens * 384, tokens * 384 * 2 * 4));
            lines.Add(Row(batch, "LayerNorm", $"{tokens} x 384", "4 rows", ((long)tokens + 3) / 4, layerNorm, 0, tokens * 384 * 6));
        }

        GpuPage.AssertSays([.. lines]);
    }

    /// <summary>
    /// A warp of 16 a rows and 8 b columns takes a b products of m16n8k16 and a + b / 2 loads of four matrices, 4 a b
    /// registers for sums, and four or two for a fragment: those of one side stay, the others come one load at a time.
    /// </summary>
    [Fact]
    public void Page_says_what_share_no_warp_can_exceed()
    {
        (int rows, int columns) = Enumerable.Range(1, 16).SelectMany(a => Enumerable.Range(1, 32).Select(b => (a, b)))
            .Where(warp => 4 * warp.a * warp.b + Math.Min(4 * warp.a, 2 * warp.b) + 4 <= 255).MaxBy(warp => Share(warp.a, warp.b));
        Assert.True(Share(rows, columns) < 0.85);
        GpuPage.AssertSays(
            [$"{16 * rows}x{8 * columns} needs the fewest loads for a product, and {Math.Round(100 * Share(rows, columns))} % of its"]);

        static double Share(int a, int b) => a * b / (a * b + a + b / 2.0);
    }

    /// <summary>
    /// A warp that keeps the fragments of its 16 a rows takes 24 a b products for K = 384 and 8 b columns, and 12 b loads. Where s warps
    /// share K, each takes a part of both, and of s warps' 4 a b sums all but one warp's are stored and loaded by fours, and added.
    /// 16 a columns are kept at the same cost.
    /// </summary>
    [Fact]
    public void Page_says_what_share_no_warp_that_keeps_one_side_can_exceed()
    {
        // Registers for 8 columns, the fewest, and their fragment.
        var warps = Enumerable.Range(1, 16).SelectMany(a => Enumerable.Range(1, 24).Select(s => (Rows: a, Sharing: s)))
            .Where(warp => 24 % warp.Sharing == 0 && 96.0 * warp.Rows / warp.Sharing + 4 * warp.Rows + 4 <= 255).ToList();
        (int rows, int sharing) = warps.MaxBy(warp => Share(warp.Rows, warp.Sharing));
        Assert.Equal(1, sharing);
        GpuPage.AssertSays(
            [$"and load only the other's: {16 * rows} rows or columns fit, which makes {Math.Round(100 * Share(rows, sharing))} %;"]);
        Assert.All(warps.Where(warp => warp.Rows > rows), warp => Assert.True(Share(warp.Rows, warp.Sharing) < Share(rows, sharing)));

        static double Share(int a, int s) => 24.0 * a / (24 * a + 12 + (s - 1) * (a + a + 4 * a));
    }

    /// <summary>
    /// Constants, signs and absolute values cost no instruction: they are part of what uses them. A thread of the 128x128 tile has
    /// 128 values.
    /// </summary>
    [Fact]
    public void Page_says_what_the_exact_gelu_takes()
    {
        string[] free = ["mov", "neg", "abs"];
        int ofFour = EpilogueText.Gelu.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Count(statement => !free.Contains(statement.Split('.')[0]));
        GpuPage.AssertSays([$"At {ofFour / 4} for a value (", $"it is {128 * ofFour / 4}."]);
    }

    [Fact]
    public void Page_says_what_a_pass_takes_at_least()
    {
        const int batch = 128;
        double atPeak = Seconds(GpuPage.TensorFlops);
        GpuPage.AssertSays(
        [
            string.Create(
                CultureInfo.InvariantCulture,
                $"than {atPeak * 1e3:F1} ms by these bounds ({Math.Round(batch / atPeak / 100) * 100:F0} images"),
            string.Create(CultureInfo.InvariantCulture, $"it is {Seconds(490e12) * 1e3:F1} ms"),
        ]);

        static double Seconds(double flopsOfProducts)
        {
            double tokens = (double)batch * Tokens;
            double[] products =
            [
                .. Products.Select(product =>
                {
                    double rows = (double)batch * product.RowsOfImage;
                    double bytes = 2.0 * product.Depth * (rows + product.Columns) + rows * product.Columns * product.OutputBytes;
                    return Math.Max(2 * rows * product.Columns * product.Depth / flopsOfProducts, bytes / GpuPage.BytesPerSecond);
                }),
            ];
            double attention = Math.Max(4 * tokens * Tokens * 384 / GpuPage.TensorFlops, tokens * 384 * 2 * 4 / GpuPage.BytesPerSecond);
            double layerNorms = 2 * tokens * 384 * 6 / GpuPage.BytesPerSecond;
            return products[0] + 12 * (products[1..].Sum() + attention + layerNorms);
        }
    }

    private static string Row(int batch, string name, string sizes, string tile, long groups, int groupsOfOne, double flops, double bytes)
    {
        double arithmetic = flops / GpuPage.TensorFlops;
        double memory = bytes / GpuPage.BytesPerSecond;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {batch} | {name} | {sizes} | {tile} | {groups} | {(double)groups / GpuPage.Multiprocessors / groupsOfOne:F2} | "
                + $"{flops / 1e9:F1} | {bytes / 1e6:F1} | {flops / bytes:F0} | {arithmetic * 1e6:F1} | {memory * 1e6:F1} | "
                + $"{(arithmetic > memory ? "arithmetic" : "memory")} |");
    }

    private static string Row(KernelResources kernel) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {kernel.Name} | {kernel.Threads / 32} | {kernel.SharedBytes} | {kernel.Accumulators} | {kernel.Fragments} |");

    /// <summary>What the assembler's table on the page says; another test compares that with the assembler.</summary>
    private static int GroupsOfOne(string kernel)
    {
        string row = Assert.Single(
            GpuPage.Lines,
            line => line.StartsWith($"| TensorCore.{kernel} |", StringComparison.Ordinal));
        return int.Parse(row.Split('|')[6], CultureInfo.InvariantCulture);
    }

    private static KernelResources Resources(string name, MethodInfo kernel, int threads)
    {
        var program = new PtxProgram(GpuKernels.Compile(kernel));
        PtxInstruction[] products = [.. program.Instructions.Where(instruction => instruction.Operation[0] == "mma")];
        int accumulators = products.SelectMany(product => product.Operands[0].List!).Distinct().Count();
        int fragments = products.SelectMany(product => product.Operands[1].List!.Concat(product.Operands[2].List!)).Distinct().Count();
        Assert.InRange(PtxLiveness.Registers(program), 1, 255); // so that it fits, where there is no assembler to say so
        return new KernelResources(name, threads, program.SharedSize, accumulators, fragments);
    }

    private static MethodInfo Product<TTile, TFormat>()
        where TTile : struct, IGemmTile
        where TFormat : struct, ITensorFormat =>
        typeof(Gemm).GetMethod(nameof(Gemm.Kernel))!.MakeGenericMethod(typeof(TTile), typeof(TFormat), typeof(StoreEpilogue<TFormat>));

    private static MethodInfo AttentionOf<TFormat, THead>()
        where TFormat : struct, ITensorFormat
        where THead : struct, IHeadSize =>
            typeof(Attention).GetMethod(nameof(Attention.Kernel))!.MakeGenericMethod(typeof(TFormat), typeof(THead));

    private static MethodInfo LayerNorm() =>
        typeof(RowKernels).GetMethod(nameof(RowKernels.LayerNormKernel))!.MakeGenericMethod(typeof(BFloat16Format));

    private sealed record KernelResources(string Name, int Threads, int SharedBytes, int Accumulators, int Fragments);
}
