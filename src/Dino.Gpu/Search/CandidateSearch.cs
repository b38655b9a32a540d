namespace Dino.Gpu.Search;

/// <summary>
/// The device's part of a search: for each query a list of vectors whose float32 scores are the highest. A list has the best <c>keep</c> vectors
/// above the query's floor, or all that are above it, and may have more; which of two equal scores is in it is not said. What is above the floor and yet
/// not in the list has at most the score of the list's keep-th best.
/// </summary>
internal abstract class CandidateSearch : IDisposable
{
    /// <summary>Memory that the lists of one batch may take.</summary>
    protected const long ListBytes = 256L << 20;

    /// <summary>Queries that can be searched at once.</summary>
    /// <param name="keep">Candidates of each.</param>
    public abstract int MaxQueries(int keep);

    /// <summary>Searches.</summary>
    /// <param name="queries">(queries, dimension), each of length 1.</param>
    /// <param name="floors">(queries): only greater scores are wanted.</param>
    /// <param name="keep">Candidates of each query, at most the number of vectors.</param>
    public abstract void Run(ReadOnlySpan<float> queries, ReadOnlySpan<float> floors, int keep);

    /// <summary>Copies a list of the last run, in no order; several threads may ask at once.</summary>
    /// <param name="query">Counted from 0.</param>
    /// <param name="keys">Replaced by a longer array where it is too short. See <see cref="Kernels.Simd.TopKList"/> for the keys.</param>
    /// <returns>Entries.</returns>
    public abstract int Collect(int query, ref ulong[] keys);

    public abstract void Dispose();
}
