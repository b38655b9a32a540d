using System.Collections.Concurrent;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>
/// Every kernel through NVIDIA's own assembler: no error, no warning, no register in memory, and hot loops within their
/// budgets. With DINO_ASSEMBLE_OUT set, the texts, the machine code and the table go to that folder;
/// <c>build/gpu/assemble.sh</c> does so.
/// </summary>
public sealed class AssemblerTests
{
    private static readonly string[] OnPage =
    [
        "TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-StoreEpilogue",
        "TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-GeluEpilogue",
        "TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-AddEpilogue",
        "TensorCore.Gemm.Kernel-Tile128X128-TensorFloat32Format-StoreEpilogue",
        "TensorCore.Gemm.Kernel-Tile64X64-BFloat16Format-StoreEpilogue",
        "TensorCore.Attention.Kernel-BFloat16Format-Head64",
        "TensorCore.Attention.Kernel-BFloat16Format-Head128",
        "TensorCore.Attention.Kernel-TensorFloat32Format-Head64",
        "TensorCore.RowKernels.LayerNormKernel-BFloat16Format",
        "Portable.Gemm.Kernel-Tile128x128-StoreEpilogue",
        "Portable.Gemm.Kernel-Tile128x64-StoreEpilogue",
        "Portable.Gemm.Kernel-Tile64x64-StoreEpilogue",
        "Portable.Gemm.Kernel-Tile32x32-StoreEpilogue",
        "Portable.Attention.Kernel-Tile128x64",
        "Portable.Attention.Kernel-Tile64x64",
        "Portable.LayerNorm.Kernel-Rows8x32",
        "Portable.Peak.Kernel",
    ];

    private static readonly ConcurrentDictionary<(int Architecture, string Name), Lazy<AssembledKernel>> Assembled = new();

    /// <summary>
    /// Turing, Ampere (A100, RTX 30), Ada, Hopper, and Blackwell (B200, RTX 50) where an assembler knows it. Without its
    /// cache the assembler takes a second a kernel: of those whose text is Hopper's, which gets all, Ampere and Blackwell
    /// get the ones on the page and every third, and the others with <c>DINO_TEST_LONG=1</c>.
    /// </summary>
    [Theory]
    [InlineData(75)]
    [InlineData(80)]
    [InlineData(86)]
    [InlineData(89)]
    [InlineData(90)]
    [InlineData(100)]
    [InlineData(120)]
    public void Every_kernel_assembles(int architecture)
    {
        CudaTools.Require(architecture);
        string? folder = Environment.GetEnvironmentVariable("DINO_ASSEMBLE_OUT");
        if (architecture is 86 or 89 && string.IsNullOrEmpty(folder))
            LongTests.Require("its PTX is that of 8.0, and the assembler takes a minute");
        GpuKernel[] all = [.. GpuKernels.All.Where(kernel => architecture >= 80 || !kernel.NeedsTensorCores)];
        Assert.Equal(architecture >= 80 ? 117 : 44, all.Length);
        bool some = architecture is 80 or > 90 && !LongTests.AreWanted && string.IsNullOrEmpty(folder);
        AssembledKernel[] kernels =
        [
            .. all.Where((kernel, i) => !some || i % 3 == 0 || OnPage.Contains(kernel.Name))
                .AsParallel().AsOrdered().Select(kernel => Get(architecture, kernel)),
        ];
        if (!string.IsNullOrEmpty(folder))
            AssemblerTable.Write(kernels, folder, $"sm_{architecture}");
        foreach (AssembledKernel kernel in kernels)
        {
            Assert.True(kernel.Warnings.Length == 0, $"{kernel.Name}: {kernel.Warnings}");
            Assert.True(kernel.SpillBytes == 0 && kernel.StackBytes == 0, $"{kernel.Name} keeps registers in local memory");

            // The assembler counts a stack frame for every such instruction. Those that are disassembled anyway show it.
            if (architecture == 90 && (LongTests.AreWanted || OnPage.Contains(kernel.Name)))
                Assert.Equal(0, kernel.Code.Count("LDL") + kernel.Code.Count("STL"));
        }
    }

    /// <summary>
    /// The most instructions that a hot loop may have, and the multiply-adds (HMMA or FFMA) that it must have, on
    /// Hopper.
    /// </summary>
    [Theory]
    [InlineData("TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-StoreEpilogue", "HMMA", 64, 103)]
    [InlineData("TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-GeluEpilogue", "HMMA", 64, 103)]
    [InlineData("TensorCore.Gemm.Kernel-Tile128X128-TensorFloat32Format-AddEpilogue", "HMMA", 64, 103)]
    [InlineData("TensorCore.Gemm.Kernel-Tile64X64-BFloat16Format-StoreEpilogue", "HMMA", 16, 38)]
    [InlineData("TensorCore.TensorPeak.Kernel-BFloat16Format", "HMMA", 32, 36)]
    [InlineData("Portable.Gemm.Kernel-Tile128x128-StoreEpilogue", "FFMA", 256, 280)]
    [InlineData("Portable.Gemm.Kernel-Tile128x64-StoreEpilogue", "FFMA", 128, 150)]
    [InlineData("Portable.Gemm.Kernel-Tile64x64-StoreEpilogue", "FFMA", 64, 80)]
    [InlineData("Portable.Peak.Kernel", "FFMA", 64, 67)]
    public void Hot_loop_keeps_to_its_budget(string name, string operation, int products, int budget)
    {
        CudaTools.Require();
        SassLoop? loop = Named(90, name).Code.HotLoop(operation);
        Assert.NotNull(loop);
        Assert.Equal(0, loop.Count(operation) % products);
        double share = loop.Count(operation) / (double)products;
        Assert.True(
            loop.Operations.Count <= budget * share,
            $"{name}: {loop.Operations.Count} instructions in {share} slices, {budget} allowed in one");
    }

    /// <summary>
    /// A tile of keys and values, copies and all, may take each of the four schedulers as many instructions as the products
    /// take cycles by estimate. A step that masks keys or corrects outputs takes more; most do neither.
    /// </summary>
    [Theory]
    [InlineData("BFloat16Format-Head64", 2, 342)]
    [InlineData("Float16Format-Head64", 2, 342)]
    [InlineData("BFloat16Format-Head128", 1, 240)]
    [InlineData("TensorFloat32Format-Head64", 1, 330)]
    public void Attention_issues_less_than_its_products_take(string name, int steps, int budget)
    {
        CudaTools.Require();
        SassLoop loop = Named(90, $"TensorCore.Attention.Kernel-{name}").Code.HotLoop("HMMA")!;
        Assert.True(budget < ProductCycles(steps * loop.Count("HMMA")));
        Assert.InRange(AttentionTile(name, steps), 2 * steps * loop.Count("HMMA"), budget);
    }

    /// <summary>
    /// What a warp executes behind its last product on Hopper, where no rows are left out. At K = 384 the 12 slices
    /// take 1224 instructions: all but GELU stay below a quarter of them.
    /// </summary>
    [Theory]
    [InlineData("StoreEpilogue", 260)]
    [InlineData("AddEpilogue", 242)]
    [InlineData("GeluEpilogue", 1940)]
    public void Epilogue_keeps_to_its_budget(string epilogue, int budget)
    {
        CudaTools.Require();
        SassProgram code = Named(90, $"TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-{epilogue}").Code;
        Assert.InRange(code.ShortestAfter("HMMA"), 150, budget);
    }

    /// <summary>The choice of tiles counts with what the assembler counts.</summary>
    [Fact]
    public void The_choice_of_tiles_counts_as_the_assembler()
    {
        CudaTools.Require();
        var wrong = new List<string>();
        Check<Tile128x128>(turns: 2);
        Check<Tile128x64>(turns: 4);
        Check<Tile64x64>(turns: 4);
        Check<Tile32x32>(turns: 0);
        CheckTensor<Tile128X128>();
        CheckTensor<Tile64X64>();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));

        void Check<TTile>(int turns)
            where TTile : struct, ITileShape
        {
            SassProgram code = Named(90, $"Portable.Gemm.Kernel-{typeof(TTile).Name}-StoreEpilogue").Code;
            SassLoop hot = code.HotLoop("FFMA")!;
            Compare($"{typeof(TTile).Name}, a slice", TTile.SliceInstructions, code.OuterTurn(hot, turns), 0.03);
        }

        void CheckTensor<TTile>()
            where TTile : struct, IGemmTile
        {
            SassProgram code = Named(90, $"TensorCore.Gemm.Kernel-{typeof(TTile).Name}-BFloat16Format-StoreEpilogue").Code;
            SassLoop hot = code.HotLoop("HMMA")!;
            Compare($"{typeof(TTile).Name}, a slice", TTile.SliceInstructions, hot.Operations.Count / TTile.Stages, 0.03);
            Compare(
                $"{typeof(TTile).Name}, all others", TTile.OtherInstructions,
                code.Length - hot.Operations.Count - code.LongerSides("HMMA"), 0.1);
        }

        void Compare(string what, int expected, int found, double tolerance)
        {
            if (Math.Abs(found - expected) > tolerance * expected)
                wrong.Add($"{what}: {expected} instructions in the code, {found} by the assembler");
        }
    }

    /// <summary>The table of docs/gpu.md.</summary>
    [Fact]
    public void Page_says_what_the_assembler_says()
    {
        CudaTools.Require();
        string[] lines = [.. OnPage.AsParallel().AsOrdered().Select(name => AssemblerTable.Row(Named(90, name), Named(80, name)))];
        GpuPage.AssertSays(lines);
    }

    /// <summary>What the counting changed, in docs/gpu.md: the last column, and the shares of the text.</summary>
    [Fact]
    public void Page_says_what_the_counting_changed()
    {
        CudaTools.Require();
        AssembledKernel attention = Named(90, "Portable.Attention.Kernel-Tile128x64");
        SassLoop peak = Hot("Portable.Peak.Kernel", "FFMA");
        (string What, string Now)[] rows =
        [
            ("product 128x128, a slice (64 HMMA)", $"{Slice("Tile128X128-BFloat16Format-StoreEpilogue", 64)}"),
            ("product 64x64, a slice (16 HMMA)", $"{Slice("Tile64X64-BFloat16Format-StoreEpilogue", 16)}"),
            ("product 128x128, behind the loop: store", $"{Behind("StoreEpilogue")}"),
            ("product 128x128, behind the loop: add to the residual stream", $"{Behind("AddEpilogue")}"),
            ("product 128x128, behind the loop: GELU, each value once", $"{Behind("GeluEpilogue")}"),
            ("attention in bf16, a tile of 64 keys (64 HMMA)", $"{AttentionTile("BFloat16Format-Head64", 2)}"),
            ("attention in bf16, heads of 128, a tile of 32 keys (64 HMMA)", $"{AttentionTile("BFloat16Format-Head128", 1)}"),
            ("attention in tf32, a tile of 32 keys (64 HMMA)", $"{AttentionTile("TensorFloat32Format-Head64", 1)}"),
            ("float32 product 128x128, four values of k (256 FFMA)", Length("Portable.Gemm.Kernel-Tile128x128-StoreEpilogue", "FFMA")),
            ("float32 attention 128x64, four keys' values (128 FFMA)",
                $"{attention.Code.InnerLoops().Where(loop => loop.Count("FFMA") == 128).Max(loop => loop.Operations.Count)}"),
            ("float32 attention 128x64, registers and groups a multiprocessor", $"{attention.Registers}, {attention.GroupsOfOne}"),
            ("peak of float32, share of FFMA", $"{Math.Round(100.0 * peak.Count("FFMA") / peak.Operations.Count)} %"),
        ];
        string[] page = GpuPage.Lines;
        string[] wrong =
        [
            .. rows.Where(row => !Array.Exists(
                    page,
                    line => line.StartsWith($"| {row.What} | ", StringComparison.Ordinal)
                        && line.EndsWith($" | {row.Now} |", StringComparison.Ordinal)))
                .Select(row => $"{row.What}: {row.Now}"),
        ];
        Assert.True(wrong.Length == 0, $"docs/gpu.md should say:\n{string.Join('\n', wrong)}");
        const string Attention64 = "TensorCore.Attention.Kernel-BFloat16Format-Head64";
        SassLoop step = Hot(Attention64, "HMMA");
        SassProgram code = Named(90, Attention64).Code;
        int usual = code.ShortestTurn(step, "HMMA");
        int rare = step.Operations.Count - usual;
        GpuPage.AssertSays(
        [
            $"each scheduler issues {AttentionTile("BFloat16Format-Head64", 2)} instructions meanwhile "
            + $"({AttentionTile("BFloat16Format-Head128", 1)} with heads of 128, {AttentionTile("TensorFloat32Format-Head64", 1)} in tf32)",
            $"A step of 32 keys in bf16 takes {usual}: {step.Count("HMMA")} HMMA, {step.Count("LDSM")} `ldmatrix`",
            $"take {7 * usual + rare + 4 * code.AroundLoop(step)} instructions beside "
            + $"{ProductCycles(7 * step.Count("HMMA")):F0} cycles of HMMA",
        ]);

        SassLoop Hot(string name, string operation) => Named(90, name).Code.HotLoop(operation)!;

        string Length(string name, string operation) => $"{Hot(name, operation).Operations.Count}";

        double Slice(string name, int products)
        {
            SassLoop loop = Hot($"TensorCore.Gemm.Kernel-{name}", "HMMA");
            return Math.Round(loop.Operations.Count / (loop.Count("HMMA") / (double)products));
        }

        int Behind(string epilogue)
        {
            string name = $"TensorCore.Gemm.Kernel-Tile128X128-BFloat16Format-{epilogue}";
            SassProgram code = Named(90, name).Code;
            return code.CountAfter(Hot(name, "HMMA")) - code.LongerSides("HMMA");
        }
    }

    /// <summary>
    /// Cycles of so many products of each of four warps by estimate: 2048 multiply-adds of 16 bits at 1280 a cycle, or half
    /// as many of 32 at half the rate.
    /// </summary>
    private static double ProductCycles(int products) => products * 4 * 2048 / 1280.0;

    /// <summary>
    /// Instructions of a tile of keys and values, of so many steps, with its copies, where none is masked and nothing is
    /// corrected.
    /// </summary>
    private static int AttentionTile(string name, int steps)
    {
        SassProgram code = Named(90, $"TensorCore.Attention.Kernel-{name}").Code;
        SassLoop loop = code.HotLoop("HMMA")!;
        return steps * code.ShortestTurn(loop, "HMMA", "LDGSTS") + code.AroundLoop(loop);
    }

    private static AssembledKernel Named(int architecture, string name) =>
        Get(architecture, GpuKernels.All.Single(kernel => kernel.Name == name));

    /// <summary>Each kernel is assembled once, at its first use.</summary>
    private static AssembledKernel Get(int architecture, GpuKernel kernel) =>
        Assembled.GetOrAdd((architecture, kernel.Name), _ => new(() => Assemble(architecture, kernel))).Value;

    private static AssembledKernel Assemble(int architecture, GpuKernel kernel) =>
        AssembledKernel.Of(
            kernel.Name, kernel.Threads, GpuKernels.Compile(kernel.Method, architecture / 10, architecture % 10), architecture);
}
