using Dino.Gpu.Kernels.Warpgroup;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>
/// The products with wgmma through NVIDIA's own assembler, for sm_90a: as <see cref="AssemblerTests"/>, and nothing
/// serialized.
/// </summary>
public sealed class WarpgroupAssemblerTests
{
    private const int Products = WarpgroupLayout.RowBytes / WarpgroupLayout.StepBytes;

    /// <summary>Of a slice. On four schedulers eight warps of a 128x128 tile have room for 256 beside its products.</summary>
    private const int Budget = 94;

    private static readonly Lazy<AssembledKernel[]> Assembled = new(() =>
        [.. ProductKernel.All.AsParallel().AsOrdered().Select(kernel => Assemble(kernel, ProductText.Of(kernel)))]);

    [Fact]
    public void Every_product_assembles()
    {
        CudaTools.Require();
        if (Environment.GetEnvironmentVariable("DINO_ASSEMBLE_OUT") is { Length: > 0 } folder)
            AssemblerTable.Write(Assembled.Value, folder, "sm_90a");
        Assert.Equal(22, Assembled.Value.Length);
        Assert.All(Assembled.Value.Zip(ProductKernel.All), pair =>
        {
            (AssembledKernel found, ProductKernel kernel) = pair;
            Assert.True(found.Warnings.Length == 0, $"{found.Name}: {found.Warnings}");
            Assert.Equal((0, 0), (found.SpillBytes, found.StackBytes));
            Assert.True(
                found.GroupsOfOne >= kernel.Tile.GroupsOfOne, $"{found.Name}: {found.GroupsOfOne} groups, {found.Registers} registers");

            // One slice a turn.
            SassLoop? loop = found.Code.HotLoop("HGMMA");
            Assert.NotNull(loop);
            Assert.Equal(Products, loop.Count("HGMMA"));
            Assert.Equal(Products, found.Code.Count("HGMMA"));
            string format = kernel.Precision == Precision.BFloat16 ? "F32.BF16" : "F32";
            Assert.Contains($"HGMMA.64x{kernel.Tile.Columns}x16.{format}", loop.Operations);
            Assert.InRange(loop.Operations.Count, Products, Budget);
        });
    }

    /// <summary>The peak is products and what a loop needs.</summary>
    [Theory]
    [InlineData(Precision.BFloat16)]
    [InlineData(Precision.Float16)]
    public void Peak_assembles(Precision precision)
    {
        CudaTools.Require();
        AssembledKernel found = AssembledKernel.Of(
            PeakText.NameOf(precision), PeakText.Threads, PeakText.Of(precision), 90, PeakText.SharedBytes, "a");
        Assert.Empty(found.Warnings);
        Assert.Equal((0, 0), (found.SpillBytes, found.StackBytes));
        SassLoop loop = found.Code.HotLoop("HGMMA")!; // the assembler unrolls it
        Assert.InRange(loop.Count("HGMMA"), Products, loop.Operations.Count / 2);
    }

    /// <summary>The choice of tiles counts with what the assembler counts.</summary>
    [Fact]
    public void The_choice_of_tiles_counts_as_the_assembler()
    {
        CudaTools.Require();
        foreach (WarpgroupTile tile in WarpgroupTile.All)
        {
            AssembledKernel kernel = Named(new ProductKernel(tile, Precision.BFloat16, ProductEpilogue.Store));
            int slice = kernel.Code.HotLoop("HGMMA")!.Operations.Count;
            Assert.InRange(slice, 0.97 * tile.SliceInstructions, 1.03 * tile.SliceInstructions);
            Assert.InRange(kernel.Code.Length - slice, 0.9 * tile.OtherInstructions, 1.1 * tile.OtherInstructions);
        }
    }

    /// <summary>A sum that is touched between products makes the assembler wait for each: it says so, and the test hears it.</summary>
    [Fact]
    public void A_product_that_is_serialized_is_found()
    {
        CudaTools.Require();
        var kernel = new ProductKernel(WarpgroupTile.Large, Precision.BFloat16, ProductEpilogue.Store);
        const string Commit = "wgmma.commit_group.sync.aligned;\n";
        string text = ProductText.Of(kernel);
        Assert.Empty(Named(kernel).Warnings);
        Assert.NotEmpty(Assemble(kernel, text.Replace(Commit, "add.f32 acc0, acc0, acc1;\n" + Commit, StringComparison.Ordinal)).Warnings);
    }

    /// <summary>The table of docs/gpu.md.</summary>
    [Fact]
    public void Page_says_what_the_assembler_says()
    {
        CudaTools.Require();
        GpuPage.AssertSays(
        [
            .. ProductKernel.All.Where(kernel => kernel.Precision == Precision.BFloat16)
                .Select(kernel => AssemblerTable.Row(Named(kernel), null)),
        ]);
    }

    private static AssembledKernel Named(ProductKernel kernel) => Assembled.Value.Single(found => found.Name == kernel.Name);

    private static AssembledKernel Assemble(ProductKernel kernel, string text) =>
        AssembledKernel.Of(kernel.Name, kernel.Tile.Threads, text, 90, kernel.Tile.SharedBytes, "a");
}
