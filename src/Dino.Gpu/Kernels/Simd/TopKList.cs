using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// A score and its index in one integer, so that comparing integers orders a list: higher scores first; of equal scores
/// the smaller index first.
/// </summary>
internal static unsafe class TopKList
{
    /// <summary>
    /// Makes a key. The upper half has the same order as the float, also for negative floats. The lower half is the
    /// inverted index.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Key(float score, int index)
    {
        uint bits = BitConverter.SingleToUInt32Bits(score);
        uint ordered = bits ^ ((uint)((int)bits >> 31) | 0x80000000u);
        return ((ulong)ordered << 32) | ~(uint)index;
    }

    /// <summary>The score of a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Score(ulong key)
    {
        uint ordered = (uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle(ordered ^ ((uint)~((int)ordered >> 31) | 0x80000000u));
    }

    /// <summary>The index of a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Index(ulong key) => (int)~(uint)key;

    /// <summary>
    /// Moves the <paramref name="keep"/> largest keys to the front, the smallest of them last (Hoare's selection).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Select(ulong* keys, int count, int keep)
    {
        int target = keep - 1;
        int low = 0;
        int high = count - 1;
        while (low < high)
        {
            ulong pivot = Median(keys[low], keys[(low + high) >>> 1], keys[high]);
            int i = low;
            int j = high;
            while (i <= j)
            {
                while (keys[i] > pivot)
                    i++;
                while (keys[j] < pivot)
                    j--;
                if (i <= j)
                {
                    (keys[i], keys[j]) = (keys[j], keys[i]);
                    i++;
                    j--;
                }
            }

            if (target <= j)
                high = j;
            else if (target >= i)
                low = i;
            else
                break;
        }
    }

    private static ulong Median(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
