using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>RoPE: gives a query or key the position of its patch.</summary>
internal static unsafe class Rotation
{
    /// <summary>
    /// (a, b) = (a cos - b sin, b cos + a sin) for the columns i and i + head size / 2 of a head, in place.
    /// </summary>
    /// <param name="head">(head size)</param>
    /// <param name="table">(head size): the cosines of the patch's angles, then their sines.</param>
    /// <param name="headSize">An even number.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TVector>(float* head, float* table, int headSize)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int half = headSize / 2;
        int i = 0;
        for (; i <= half - TVector.Count; i += TVector.Count)
        {
            TVector a = TVector.Load(head + i), b = TVector.Load(head + half + i);
            TVector cosine = TVector.Load(table + i), sine = TVector.Load(table + half + i);
            TVector.Store(a * cosine - b * sine, head + i);
            TVector.Store(b * cosine + a * sine, head + half + i);
        }

        for (; i < half; i++)
        {
            (float a, float b, float cosine, float sine) = (head[i], head[half + i], table[i], table[half + i]);
            head[i] = a * cosine - b * sine;
            head[half + i] = b * cosine + a * sine;
        }
    }
}
