using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Search;

/// <summary>Lists that were copied from a GPU.</summary>
/// <param name="scores">(queries, keep)</param>
/// <param name="indices">(queries, keep)</param>
/// <param name="counts">(queries): entries of each list.</param>
/// <param name="keep">Room for the entries of one query.</param>
internal sealed class PortableCandidateLists(float[] scores, int[] indices, int[] counts, int keep) : CandidateLists
{
    public override int Collect(int query, ref ulong[] keys)
    {
        int count = counts[query];
        if (keys.Length < count)
            keys = new ulong[count];
        for (int i = 0; i < count; i++)
            keys[i] = TopKList.Key(scores[(long)query * keep + i], indices[(long)query * keep + i]);
        return count;
    }

    public override void Dispose()
    {
    }
}
