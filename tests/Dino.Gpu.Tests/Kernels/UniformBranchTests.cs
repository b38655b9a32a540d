namespace Dino.Gpu.Tests.Kernels;

/// <summary>
/// No kernel promises the driver that the threads of a warp agree where they may not: a <c>.uni</c> on which they
/// disagree is undefined behavior.
/// </summary>
public sealed class UniformBranchTests
{
    [Theory]
    [InlineData(7, 5)]
    [InlineData(8, 0)]
    public void No_kernel_promises_what_threads_may_break(int major, int minor)
    {
        foreach (GpuKernel kernel in GpuKernels.All.Where(kernel => major >= 8 || !kernel.NeedsTensorCores))
        {
            var flow = new PtxFlow(GpuKernels.Compile(kernel.Method, major, minor));
            Assert.True(!flow.BrokenPromises.Any(), $"{kernel.Name}: {string.Join(", ", flow.BrokenPromises)}");

            // The stronger statement, which holds by construction: nothing is promised.
            Assert.Empty(flow.ConditionalUniformBranches);
        }
    }

    /// <summary>
    /// The same analysis on what ILGPU writes when it is left to itself: it breaks its promises in these kernels.
    /// </summary>
    [Fact]
    public void Ilgpus_own_analysis_breaks_its_promises()
    {
        using var compiler = new PtxCompiler(8, 0, trustsUniforms: true);
        foreach (string name in new[]
        {
            "Portable.Resize.RowsKernel", "Portable.Resize.ColumnsKernel", "Portable.TopK.Kernel-Rows8x32", "Portable.Rollout.StepKernel",
            "Portable.Probe.UpdateKernel", "TensorCore.RowKernels.UnfoldKernel-Float16Format",
            "TensorCore.RowKernels.UnfoldPaddedKernel-Float16Format",
            "TensorCore.RowKernels.RoundKernel-Float16Format",
        })
        {
            GpuKernel kernel = GpuKernels.All.Single(kernel => kernel.Name == name);
            Assert.True(new PtxFlow(compiler.Compile(kernel.Method)).BrokenPromises.Any(), $"found nothing in {name}");
        }
    }

    /// <summary>
    /// The analysis on texts of a few lines: by value, by memory, by a loop that threads leave in different turns, by a
    /// table.
    /// </summary>
    [Theory]
    [InlineData("mov.u32 %r1, %tid.x; setp.lt.s32 %p1, %r1, 7; @%p1 bra.uni L_1; L_1: ret;", true)]
    [InlineData("mov.u32 %r1, %ctaid.x; setp.lt.s32 %p1, %r1, 7; @%p1 bra.uni L_1; L_1: ret;", false)]
    [InlineData("ld.param.b32 %r1, [n]; setp.lt.s32 %p1, %r1, 7; @!%p1 bra.uni L_1; L_1: ret;", false)]
    [InlineData("ld.param.b32 %r1, [n]; setp.lt.s32 %p1, %r1, 7; @%p1 bra L_1; L_1: ret;", false)]
    [InlineData("ld.global.b32 %r1, [%rd1]; setp.lt.s32 %p1, %r1, 7; @%p1 bra.uni L_1; L_1: ret;", true)]
    [InlineData(
        "mov.u32 %r9, %tid.x; mov.u32 %r1, 0; L_1: add.s32 %r1, %r1, 1; setp.lt.s32 %p1, %r1, %r9; @%p1 bra L_1; "
        + "setp.lt.s32 %p2, %r1, 7; @%p2 bra.uni L_2; L_2: ret;", true)]
    [InlineData("mov.u32 %r1, %tid.x; L_9: .branchtargets L_1, L_2; brx.idx.uni %r1, L_9; L_1: ret; L_2: ret;", true)]
    public void Analysis_finds_what_depends_on_the_thread(string code, bool broken)
    {
        string lines = code.Replace("; ", ";\n", StringComparison.Ordinal).Replace(": ", ":\n", StringComparison.Ordinal);
        Assert.Equal(broken, new PtxFlow($".visible .entry Kernel(.param .b32 n)\n{{\n{lines}\n}}").BrokenPromises.Any());
    }
}
