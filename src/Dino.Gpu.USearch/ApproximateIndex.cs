using System.Runtime.ExceptionServices;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.USearch;

/// <summary>
/// An HNSW graph beside a <see cref="VectorIndex"/>, for many millions of vectors. It finds candidates; the vectors of
/// the index score them. So scores and order are those of an exact search among the candidates, and only a vector that
/// is no candidate can be missed. Thread-safe.
/// </summary>
/// <remarks>
/// The index may change meanwhile. Each search compares all vectors that were added since, and never finds one that was
/// removed; <see cref="Added"/> says when it pays to build again. After <see cref="VectorIndex.Compact"/>, which gives
/// rows new numbers, the graph no longer belongs to the index.
/// </remarks>
public sealed class ApproximateIndex : IDisposable
{
    /// <summary>Candidates of a query, unless a search says otherwise.</summary>
    public const int DefaultCandidates = 128;

    /// <summary>The fixed part of a message.</summary>
    internal const string Stale = "does not belong to";

    private readonly VectorIndex _index;
    private readonly Graph _graph;
    private readonly GraphOrigin _origin;
    private readonly object _lineage;
    private readonly long _count;
    private volatile bool _disposed;

    private ApproximateIndex(VectorIndex index, Graph graph, GraphOrigin origin, object lineage)
    {
        _index = index;
        _graph = graph;
        _origin = origin;
        _lineage = lineage;
        _count = graph.Count;
    }

    /// <summary>Vectors in the graph, among them those that were removed from the index since.</summary>
    public int Count => (int)_count;

    /// <summary>
    /// Rows of the index that the graph lacks, because they were added since. Every search compares all of them.
    /// </summary>
    /// <exception cref="DinoException">The index was compacted.</exception>
    public int Added => Now().RowCount - _origin.Rows;

    /// <summary>Threads of <see cref="SearchMany"/>; null for one per core.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public int? Threads
    {
        get;
        set
        {
            if (value is { } threads)
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads, nameof(value));
            field = value;
        }
    }

    /// <summary>Builds the graph of all vectors in an index. It lies in memory until it is saved.</summary>
    /// <param name="index">The index, which searches read. It stays the caller's, and open.</param>
    /// <param name="options">How it is built; null for the defaults.</param>
    /// <param name="progress">Told how many vectors are in the graph.</param>
    /// <param name="cancellation">Ends the building.</param>
    /// <returns>The graph; the caller disposes it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="DinoException">
    /// The index cannot be read, the native library cannot be loaded, or there is not enough memory.
    /// </exception>
    /// <exception cref="OperationCanceledException">The building was canceled.</exception>
    public static ApproximateIndex Build(
        VectorIndex index,
        ApproximateIndexOptions? options = null,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(index);
        options ??= new ApproximateIndexOptions();
        if (!Enum.IsDefined(options.Precision))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.Precision, $"Expected {string.Join(", ", Enum.GetNames<GraphPrecision>())}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(options.Connectivity, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Connectivity, 512);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Expansion);
        int threads = options.Threads ?? Environment.ProcessorCount;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        IndexSnapshot now = index.Now;
        Graph graph = Graph.Create(index.Dimension, now.Count, options, Math.Max(threads, Environment.ProcessorCount));
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
            Together(() => index.Reading(() => GraphBuild.Fill(graph, now, index.Dimension, parallel, progress)));
            return new ApproximateIndex(index, graph, GraphOrigin.Of(index, now, now.RowCount), now.Lineage);
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    /// <summary>Reads a saved graph into memory.</summary>
    /// <param name="path">
    /// The file. Its sum is checked, against accidents; open only files that come from where you trust.
    /// </param>
    /// <param name="index">
    /// The index that it was built from, which may have got and lost rows since. It stays the caller's, and open.
    /// </param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <returns>The graph; the caller disposes it.</returns>
    /// <exception cref="DinoException">
    /// It cannot be read, is damaged, or was built from other vectors; or the native library cannot be loaded.
    /// </exception>
    /// <exception cref="OperationCanceledException">The reading was canceled.</exception>
    public static ApproximateIndex Open(string path, VectorIndex index, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(index);
        IndexSnapshot now = index.Now;
        (Graph graph, GraphOrigin origin) = GraphFile.Read(
            path,
            origin =>
            {
                if (origin.DifferenceFrom(index, now) is { } difference)
                    throw Foreign(path, index, difference);
            },
            Environment.ProcessorCount,
            cancellation);
        return new ApproximateIndex(index, graph, origin, now.Lineage);
    }

    /// <summary>
    /// Writes the graph into a file, which appears when it is complete. The index is not part of it: save that, too.
    /// </summary>
    /// <param name="path">The file, such as <c>photos.usearch</c> beside <c>photos.dinoidx</c>.</param>
    /// <exception cref="DinoException">
    /// The file cannot be written, or there is not enough memory: a graph that was built is there twice for a moment.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The graph was disposed.</exception>
    public void Save(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ObjectDisposedException.ThrowIf(_disposed, this);
        GraphFile.Write(path, _graph, _origin);
    }

    /// <summary>Finds near vectors of a query.</summary>
    /// <param name="query">(<see cref="VectorIndex.Dimension"/>), of any length.</param>
    /// <param name="k">Neighbors; more than the index has returns all vectors.</param>
    /// <param name="candidates">
    /// Vectors that the graph offers and that are scored exactly; at least <paramref name="k"/>. What others call
    /// <c>ef</c>. More miss less and take longer. As many as there are make the search exact.
    /// </param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>The best first. Equal scores are in the order of their rows.</returns>
    /// <exception cref="ArgumentException">Another number of values, or one that is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    /// <exception cref="DinoException">The index was compacted, cannot be read, or is damaged.</exception>
    /// <exception cref="OperationCanceledException">The search was canceled.</exception>
    /// <exception cref="ObjectDisposedException">The graph or the index was disposed.</exception>
    public IReadOnlyList<VectorHit> Search(
        ReadOnlySpan<float> query, int k, int candidates = DefaultCandidates, CancellationToken cancellation = default)
    {
        if (query.Length != _index.Dimension)
            throw new ArgumentException($"A query of {query.Length} values, expected {_index.Dimension}.", nameof(query));
        return SearchMany(query, k, candidates, cancellation)[0];
    }

    /// <summary>Finds near vectors of many queries.</summary>
    /// <param name="queries">(queries, <see cref="VectorIndex.Dimension"/>)</param>
    /// <param name="k">Neighbors of each query.</param>
    /// <param name="candidates">Candidates of each query.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>For each query what <see cref="Search"/> returns.</returns>
    /// <inheritdoc cref="Search" path="/exception"/>
    public IReadOnlyList<VectorHit[]> SearchMany(
        ReadOnlySpan<float> queries, int k, int candidates = DefaultCandidates, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(candidates);
        int dimension = _index.Dimension;
        if (queries.Length % dimension != 0)
            throw new ArgumentException($"{queries.Length} values are not whole vectors of {dimension}.", nameof(queries));
        VectorIndex.RequireFinite(queries, "A query", nameof(queries));
        cancellation.ThrowIfCancellationRequested();
        IndexSnapshot now = Now();
        var search = new CandidateQuery(_index, now, _graph, _origin.Rows, Math.Min(k, now.Count), candidates);
        float[] values = queries.ToArray();
        int[][] added = search.Added(values, Threads, cancellation);
        var hits = new VectorHit[queries.Length / dimension][];
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = Threads ?? Environment.ProcessorCount,
            CancellationToken = cancellation,
        };
        Together(() => Parallel.For(
            0,
            hits.Length,
            parallel,
            query => hits[query] = search.Run(values.AsSpan(query * dimension, dimension), added[query], cancellation)));
        return hits;
    }

    /// <summary>Frees the graph, when no search uses it any more. The index stays open.</summary>
    public void Dispose()
    {
        _disposed = true;
        _graph.Dispose();
    }

    /// <summary>The index now, if its rows have the numbers of the graph.</summary>
    private IndexSnapshot Now()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        IndexSnapshot now = _index.Now;
        return ReferenceEquals(now.Lineage, _lineage) ? now : throw Foreign("the graph", _index, "it was compacted since");
    }

    /// <summary>Runs work of several threads; of their failures the first counts.</summary>
    private static void Together(Action work)
    {
        try
        {
            work();
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    private static DinoException Foreign(string graph, VectorIndex index, string difference) =>
        new($"{graph} {Stale} {index.Name} ({difference})", "build it again, with ApproximateIndex.Build");
}
