namespace Dino.Gpu.Search;

/// <summary>The nearest vectors of each query, best first. Equal scores are in the order of their indices.</summary>
public sealed class Neighbors
{
    private readonly int[] _indices; // (queries, k)
    private readonly double[] _scores; // (queries, k)

    internal Neighbors(int queryCount, int k, int[] indices, double[] scores)
    {
        QueryCount = queryCount;
        K = k;
        _indices = indices;
        _scores = scores;
    }

    /// <summary>The number of queries.</summary>
    public int QueryCount { get; }

    /// <summary>Neighbors of each query: the requested number, or all vectors if there are fewer.</summary>
    public int K { get; }

    /// <summary>Indices of one query's neighbors.</summary>
    /// <param name="query">Counted from 0.</param>
    /// <returns>(k)</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such query.</exception>
    public ReadOnlySpan<int> Indices(int query) => _indices.AsSpan(Start(query), K);

    /// <summary>Scores of one query's neighbors, in double precision.</summary>
    /// <param name="query">Counted from 0.</param>
    /// <returns>(k)</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such query.</exception>
    public ReadOnlySpan<double> Scores(int query) => _scores.AsSpan(Start(query), K);

    /// <summary>(k): where a search puts the indices of one query's neighbors.</summary>
    internal Span<int> IndexPlaces(int query) => _indices.AsSpan(query * K, K);

    /// <summary>(k): where a search puts the scores of one query's neighbors.</summary>
    internal Span<double> ScorePlaces(int query) => _scores.AsSpan(query * K, K);

    private int Start(int query)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(query, QueryCount);
        return query * K;
    }
}
