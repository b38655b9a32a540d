namespace Dino.Gpu.Search;

/// <summary>
/// The candidates of one batch of queries. A list has the best <c>keep</c> vectors above the query's floor, or all
/// vectors above it if there are fewer, and may have more. Of two equal scores either can be in the list. A vector
/// above the floor that is not in the list scores at most as high as the list's keep-th best.
/// </summary>
internal abstract class CandidateLists : IDisposable
{
    /// <summary>Copies one list, in no order. Several threads may call this at once.</summary>
    /// <param name="query">Counted from 0.</param>
    /// <param name="keys">
    /// Replaced by a longer array if it is too short. For the keys see <see cref="Kernels.Simd.TopKList"/>.
    /// </param>
    /// <returns>The number of entries.</returns>
    public abstract int Collect(int query, ref ulong[] keys);

    /// <summary>Returns the memory of the lists to the search.</summary>
    public abstract void Dispose();
}
