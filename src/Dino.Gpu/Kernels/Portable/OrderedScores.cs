using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Scores as unsigned integers in the same order, which a radix sort can take digit by digit.</summary>
internal static class OrderedScores
{
    /// <summary>ordered[i] = Ordered(scores[i])</summary>
    public static void Kernel(Index1D index, ArrayView<float> scores, ArrayView<uint> ordered) => ordered[index] = Ordered(scores[index]);

    /// <summary>
    /// An unsigned integer that orders as the float does, negative ones included; never 0 for a number.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Ordered(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    }

    /// <summary>The float of <see cref="Ordered"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Score(uint ordered) =>
        Interop.IntAsFloat((ordered & 0x80000000u) != 0 ? ordered & 0x7FFFFFFFu : ~ordered);
}
