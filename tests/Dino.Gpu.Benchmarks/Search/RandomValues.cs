using System.Runtime.InteropServices;

namespace Dino.Gpu.Benchmarks.Search;

/// <summary>Seeded values, much faster than <see cref="Random"/> makes normal ones.</summary>
internal static class RandomValues
{
    /// <summary>Nearly normal numbers of variance 1: sums of four even ones, from xorshift.</summary>
    /// <param name="values">Filled.</param>
    /// <param name="state">Of the random numbers, not zero; goes on.</param>
    public static void Fill(Span<float> values, ref ulong state)
    {
        foreach (ref float value in values)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ulong bits = state;
            value = 0;
            foreach (ushort part in MemoryMarshal.Cast<ulong, ushort>(new ReadOnlySpan<ulong>(in bits)))
                value += part / 65536f - 0.5f;
            value *= 1.7320508f;
        }
    }
}
