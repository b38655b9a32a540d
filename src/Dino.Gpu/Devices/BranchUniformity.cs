using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Backends.PTX;

namespace Dino.Gpu.Devices;

/// <summary>
/// Keeps ILGPU from marking branches as uniform. At O2 its PTX back end writes <c>.uni</c> on a branch if an analysis
/// finds that all threads of a warp agree, and that analysis is wrong. It takes every kernel parameter as uniform, even
/// the index of an implicitly grouped kernel, and it ignores that threads leave a loop in different iterations. If
/// threads disagree at a <c>.uni</c> branch, a card's behavior is undefined.
/// </summary>
internal static class BranchUniformity
{
    /// <summary>
    /// Lets every conditional branch diverge, in all kernels that <paramref name="context"/> compiles from now on.
    /// </summary>
    /// <remarks>
    /// <see cref="PTXBackend"/> takes its optimizations from the context's level when it is created. When it compiles a
    /// kernel it reads the level again, only for this analysis, and omits the analysis at O1. So the level drops after
    /// the back ends are created.
    /// </remarks>
    /// <param name="context">
    /// A context at O2 whose back ends exist. Back ends created later would optimize less.
    /// </param>
    public static void AssumeDivergence(Context context) => SetOptimizationLevel(context.Properties, OptimizationLevel.O1);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_OptimizationLevel")]
    private static extern void SetOptimizationLevel(ContextProperties properties, OptimizationLevel level);
}
