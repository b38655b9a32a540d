using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels;

/// <summary>What <see cref="GpuKernels.Compile"/> relies on.</summary>
public sealed class GpuKernelTests
{
    /// <summary>
    /// ILGPU writes the same text for Ampere (A100, RTX 30), Ada, Hopper and Blackwell, and for Turing with another target. Each
    /// kernel is compiled for one newer architecture, by turns; with <c>DINO_TEST_LONG=1</c> for each of them.
    /// </summary>
    [Fact]
    public void Every_architecture_gets_the_text_of_8_0()
    {
        int[] newer = [86, 89, 90, 100, 120];
        string[] different =
        [
            .. GpuKernels.All
                .SelectMany((kernel, i) =>
                    newer.Where((_, turn) => LongTests.AreWanted || turn == i % newer.Length).Select(other => (kernel, other)))
                .Concat(GpuKernels.All.Where(kernel => !kernel.NeedsTensorCores).Select(kernel => (kernel, other: 75)))
                .AsParallel().Where(pair => !IsSame(pair.kernel, pair.other)).Select(pair => $"{pair.kernel.Name}, {pair.other}"),
        ];
        Assert.Empty(different);
    }

    private static bool IsSame(GpuKernel kernel, int architecture)
    {
        (int major, int minor) = (architecture / 10, architecture % 10);
        string other = major < 8
            ? GpuKernels.Compile(kernel.Method, major, minor)
                .Replace($".target sm_{architecture}\n", ".target sm_80\n", StringComparison.Ordinal)
            : GpuKernels.CompileAnew(kernel.Method, major, minor);
        return GpuKernels.Numbered(GpuKernels.Compile(kernel.Method)) == GpuKernels.Numbered(other);
    }
}
