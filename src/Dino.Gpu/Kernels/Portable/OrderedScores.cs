using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Scores as unsigned integers in the same order, for a radix sort and for a search bit by bit.</summary>
internal static class OrderedScores
{
    /// <summary>ordered[i] = Ordered(scores[i])</summary>
    public static void Kernel(Index1D index, ArrayView<float> scores, ArrayView<uint> ordered) => ordered[index] = Ordered(scores[index]);

    /// <summary>
    /// An unsigned integer that has the same order as the float, also for negative floats. It is never 0 for a number.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Ordered(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    }

    /// <summary>The float from which <see cref="Ordered"/> made an integer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Score(uint ordered) =>
        Interop.IntAsFloat((ordered & 0x80000000u) != 0 ? ordered & 0x7FFFFFFFu : ~ordered);
}
