using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Backends.PTX;

namespace Dino.Gpu.Devices;

/// <summary>
/// Keeps ILGPU from marking branches as uniform. At O2 its PTX back end writes <c>.uni</c> wherever an analysis finds
/// that all threads of a warp agree, and the analysis is wrong: it takes every kernel parameter for uniform, the index
/// of an implicitly grouped kernel too, and ignores that threads leave a loop in different turns. A <c>.uni</c> on
/// which threads disagree is undefined behavior on a card.
/// </summary>
internal static class BranchUniformity
{
    /// <summary>
    /// From here on every conditional branch of a kernel that <paramref name="context"/> compiles may diverge.
    /// </summary>
    /// <remarks>
    /// <see cref="PTXBackend"/> takes its optimizations from the context's level when it is created, and reads the
    /// level once more, for the analysis alone, whenever it compiles a kernel. At O1 it leaves the analysis out, so the
    /// level drops in between.
    /// </remarks>
    /// <param name="context">A context at O2 whose back ends exist; those created later would optimize less.</param>
    public static void AssumeDivergence(Context context) => SetOptimizationLevel(context.Properties, OptimizationLevel.O1);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_OptimizationLevel")]
    private static extern void SetOptimizationLevel(ContextProperties properties, OptimizationLevel level);
}
