using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Combines two values of a reduction.</summary>
internal interface IReduction
{
    static abstract float Combine(float left, float right);
}

internal readonly struct SumReduction : IReduction
{
    public static float Combine(float left, float right) => left + right;
}

internal readonly struct MaxReduction : IReduction
{
    /// <summary>One instruction on a GPU, where a number wins over NaN; the NaN itself is met again later.</summary>
    public static float Combine(float left, float right) => IntrinsicMath.Max(left, right);
}

/// <summary>
/// Reductions over the threads of a group that share a row (the same y). They use a tree in shared memory, because warp
/// shuffles and ILGPU's group collectives do not work on every OpenCL driver.
/// </summary>
internal static class GroupReduction
{
    /// <summary>Returns the reduction over its row to every thread. The whole group must call it.</summary>
    /// <param name="value">This thread's value.</param>
    /// <param name="scratch">
    /// (rows, threads): shared memory for this call alone. ILGPU 1.5.3 at O2 moves a load to its first use, even past a
    /// barrier. So the result may be read later than the source says, and nothing may overwrite it.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AllReduceRow<TRows, TReduction>(float value, ArrayView<float> scratch)
        where TRows : struct, IRowShape
        where TReduction : struct, IReduction
    {
        int x = Group.IdxX;
        int row = Group.IdxY * TRows.Threads;
        scratch[row + x] = value;
        Group.Barrier();
        for (int distance = TRows.Threads / 2; distance > 0; distance /= 2)
        {
            if (x < distance)
                scratch[row + x] = TReduction.Combine(scratch[row + x], scratch[row + x + distance]);
            Group.Barrier();
        }

        return scratch[row];
    }
}
