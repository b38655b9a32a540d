namespace Dino.Gpu.Search;

/// <summary>
/// Finds candidates on a device: for each query a list of the vectors with the highest float32 scores. Thread-safe:
/// every run has its own lists.
/// </summary>
internal abstract class CandidateSearch : IDisposable
{
    /// <summary>The most bytes that the lists of one batch may take.</summary>
    protected const long ListBytes = 256L << 20;

    /// <summary>The most queries of one batch.</summary>
    /// <param name="keep">Candidates of each query.</param>
    public abstract int MaxQueries(int keep);

    /// <summary>Searches one batch of queries.</summary>
    /// <param name="queries">(queries, dimension), each of length 1.</param>
    /// <param name="floors">(queries): only greater scores are wanted.</param>
    /// <param name="keep">Candidates of each query, at most the number of vectors.</param>
    /// <returns>The lists; the caller disposes them.</returns>
    /// <exception cref="ObjectDisposedException">The search was disposed.</exception>
    public abstract CandidateLists Run(ReadOnlySpan<float> queries, ReadOnlySpan<float> floors, int keep);

    /// <summary>Waits for the runs under way, then frees the vectors on the device.</summary>
    public abstract void Dispose();
}
