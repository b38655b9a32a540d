using System.Runtime.CompilerServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Search;

/// <summary>
/// Exact nearest neighbors among vectors that stay on a device. The result equals a sort by double-precision scores,
/// whatever the device and the number of threads. Thread-safe: one object serves any number of threads.
/// </summary>
/// <remarks>
/// The device finds candidates by float32 scores, which are off by at most <see cref="ExactScore.DeviceError"/>. Every
/// vector that could be among the best is scored again in double precision. If the device may have missed such a
/// vector, the query is searched again with more candidates. A call with few vectors and queries computes all scores in
/// double precision on the calling thread instead.
/// </remarks>
public sealed class NearestNeighbors : IDisposable
{
    /// <summary>
    /// Candidates beyond k. For nearly every query of real embeddings, fewer vectors than this are within the device's
    /// error of the k-th.
    /// </summary>
    private const int Spare = 8;

    /// <summary>The factor by which the candidates grow when a query is searched again.</summary>
    private const int Widening = 8;

    /// <summary>
    /// Products of a call that take the calling thread about as long as a launch takes on an idle CPU, 0.1 ms. While a
    /// model computes on the same cores, a launch waits for them and takes much longer.
    /// </summary>
    private const long FewProducts = 1 << 15;

    private readonly DinoDevice _device;
    private readonly bool _ownsDevice;
    private readonly DistinctVectors _vectors;
    private readonly CandidateSearch _candidates;
    private readonly Similarity _similarity;
    private readonly ParallelOptions _parallel;
    private readonly double _error; // the bound of a device score's error
    private readonly long _direct; // products of a call that needs no device
    private int _disposed;

    private NearestNeighbors(
        DinoDevice device,
        bool ownsDevice,
        DistinctVectors vectors,
        int count,
        CandidateSearch candidates,
        Similarity similarity,
        ParallelOptions parallel,
        long direct)
    {
        _device = device;
        _ownsDevice = ownsDevice;
        _vectors = vectors;
        _candidates = candidates;
        _similarity = similarity;
        _parallel = parallel;
        _error = ExactScore.DeviceError(vectors.Dimension);
        _direct = direct;
        Count = count;
    }

    /// <summary>The number of vectors.</summary>
    public int Count { get; }

    /// <summary>The number of values of a vector.</summary>
    public int Dimension => _vectors.Dimension;

    /// <summary>The device that searches.</summary>
    public DeviceInfo Device => _device.Info;

    /// <summary>Opens a device and copies vectors to it.</summary>
    /// <param name="vectors">
    /// (count, dimension). Also kept, not copied: they must not change before the search is disposed.
    /// </param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="options">Null for the defaults: cosine, on the best device.</param>
    /// <returns>The search; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">
    /// No vectors, not whole vectors, or a value that is not finite; the message names the row.
    /// </exception>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public static NearestNeighbors Create(ReadOnlyMemory<float> vectors, int dimension, NearestNeighborsOptions? options = null)
    {
        options ??= new NearestNeighborsOptions();
        CheckShape(vectors.Length, dimension, nameof(vectors));
        DinoDevice device = DinoDevice.Open(options.Device, options.Threads, algorithms: true, options.Warning);
        try
        {
            return Create(device, ownsDevice: true, vectors, dimension, options, direct: FewProducts);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Does the same as the public overload, on an open device.</summary>
    /// <param name="device">Must outlive the search.</param>
    /// <param name="ownsDevice">Whether the device is disposed with the search.</param>
    /// <param name="vectors">(count, dimension)</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="options">The options; their device is ignored.</param>
    /// <param name="width">Register width on the CPU device; null for the widest.</param>
    /// <param name="direct">A call with at most so many products computes them all on its own thread.</param>
    internal static NearestNeighbors Create(
        DinoDevice device,
        bool ownsDevice,
        ReadOnlyMemory<float> vectors,
        int dimension,
        NearestNeighborsOptions options,
        SimdWidth? width = null,
        long direct = 0)
    {
        CheckShape(vectors.Length, dimension, nameof(vectors));
        if (vectors.Length == 0)
            throw new ArgumentException("No vectors to search.", nameof(vectors));
        if (!RuntimeFeature.IsDynamicCodeSupported)
            throw DinoDevice.NeedsIlgpu(nameof(NearestNeighbors));
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads ?? Environment.ProcessorCount };
        double[] squares = Squares(vectors, dimension, parallel, "Vector", nameof(vectors));
        DistinctVectors distinct = DistinctVectors.Find(vectors, dimension, squares, options.Similarity, parallel);
        CandidateSearch candidates = device.Family == KernelFamily.Simd
            ? SimdCandidates.Create(device.Accelerator, distinct, parallel, width)
            : new PortableCandidates(device, distinct);
        return new NearestNeighbors(device, ownsDevice, distinct, squares.Length, candidates, options.Similarity, parallel, direct);
    }

    /// <summary>
    /// The cosine of two vectors in double precision, equal to the score of a search; 0 if one of them is all zeros,
    /// and NaN if a value of either is NaN or infinite.
    /// </summary>
    /// <param name="left">(dimension)</param>
    /// <param name="right">(dimension)</param>
    /// <exception cref="ArgumentException">Their lengths differ.</exception>
    public static double Cosine(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        if (left.Length != right.Length)
            throw new ArgumentException($"Vectors of {left.Length} and {right.Length} values.", nameof(right));
        return ExactScore.Cosine(ExactScore.Dot(left, right), ExactScore.Square(left), ExactScore.Square(right));
    }

    /// <summary>Finds the nearest vectors of each query.</summary>
    /// <param name="queries">(queries, dimension)</param>
    /// <param name="k">Neighbors of each query; more than <see cref="Count"/> returns all vectors.</param>
    /// <exception cref="ArgumentException">
    /// Not whole queries, or a value that is not finite; the message names the row.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="k"/> is not positive.</exception>
    /// <exception cref="ObjectDisposedException">The search was disposed.</exception>
    /// <exception cref="DeviceMemoryException">The device has no room.</exception>
    public Neighbors Search(ReadOnlySpan<float> queries, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        CheckShape(queries.Length, Dimension, nameof(queries));
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        k = Math.Min(k, Count);
        int count = queries.Length / Dimension;
        if ((long)count * k > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{count} queries with {k} neighbors each are more than an array holds ({Array.MaxLength}); search in parts.",
                nameof(queries));
        }

        float[] copy = queries.ToArray(); // (queries, dimension)
        double[] squares = Squares(copy, Dimension, _parallel, "Query", nameof(queries));
        int[] indices = new int[count * k];
        double[] scores = new double[count * k];
        var pending = new List<PendingQuery>(count);
        for (int query = 0; query < count; query++)
        {
            if (squares[query] > 0)
                pending.Add(new PendingQuery(query, float.NegativeInfinity));
            else
                FirstRows(indices.AsSpan(query * k, k));
        }

        if (RanksAll(pending.Count))
        {
            var ranking = new Ranking(_vectors, _similarity);
            foreach ((int query, _) in pending)
            {
                ReadOnlySpan<float> values = copy.AsSpan(query * Dimension, Dimension);
                ranking.RankAll(values, squares[query], indices.AsSpan(query * k, k), scores.AsSpan(query * k, k));
            }

            return new Neighbors(count, k, indices, scores);
        }

        int keep = (int)Math.Min(_vectors.Count, (long)k + k / 8 + Spare);
        while (pending.Count > 0)
        {
            var unsure = new List<PendingQuery>();
            int batch = _candidates.MaxQueries(keep);
            for (int first = 0; first < pending.Count; first += batch)
            {
                List<PendingQuery> some = pending.GetRange(first, Math.Min(batch, pending.Count - first));
                SearchBatch(some, copy, squares, k, keep, indices, scores, unsure);
            }
            pending = unsure;
            keep = (int)Math.Min(_vectors.Count, (long)Widening * keep);
        }

        return new Neighbors(count, k, indices, scores);
    }

    /// <summary>
    /// Groups the vectors. Two vectors are in one group if their similarity is at least a threshold, or if a chain of
    /// such pairs joins them. All pairs are compared, a batch of rows at a time, so memory does not grow with the
    /// number of pairs.
    /// </summary>
    /// <param name="threshold">A cosine.</param>
    /// <param name="cancellation">Checked between batches.</param>
    /// <returns>Groups of two or more vectors, ordered by their first index; indices ascending.</returns>
    /// <exception cref="ArgumentException"><paramref name="threshold"/> is not a number.</exception>
    /// <exception cref="InvalidOperationException">The similarity is not <see cref="Similarity.Cosine"/>.</exception>
    /// <exception cref="OperationCanceledException">The search was canceled.</exception>
    public IReadOnlyList<int[]> Groups(double threshold, CancellationToken cancellation = default)
    {
        if (double.IsNaN(threshold))
            throw new ArgumentException("Expected a cosine, found NaN.", nameof(threshold));
        return _similarity == Similarity.Cosine
            ? new SimilarGroups(_vectors, _candidates, _error, threshold).Find(Count, cancellation)
            : throw new InvalidOperationException("Groups are made by cosine.");
    }

    /// <summary>Waits for the batches under way, then frees the vectors on the device and the device itself.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _disposed, 1);
        _candidates.Dispose();
        if (_ownsDevice)
            _device.Dispose();
    }

    /// <summary>Whether a call with so many queries ranks all vectors on its own thread.</summary>
    internal bool RanksAll(int queries) => (long)queries * _vectors.Count * Dimension <= _direct;

    /// <summary>
    /// Searches some queries. A query whose result is not certain goes to <paramref name="unsure"/>, with the floor of
    /// its next search.
    /// </summary>
    private void SearchBatch(
        List<PendingQuery> batch,
        float[] queries,
        double[] squares,
        int k,
        int keep,
        int[] indices,
        double[] scores,
        List<PendingQuery> unsure)
    {
        float[] scaled = new float[batch.Count * Dimension]; // (queries, dimension)
        float[] floors = new float[batch.Count];
        for (int i = 0; i < batch.Count; i++)
        {
            int query = batch[i].Query;
            floors[i] = batch[i].Floor;
            ReadOnlySpan<float> values = queries.AsSpan(query * Dimension, Dimension);
            DistinctVectors.Scale(values, 1 / Math.Sqrt(squares[query]), scaled.AsSpan(i * Dimension, Dimension));
        }

        using CandidateLists lists = _candidates.Run(scaled, floors, keep);
        float[] nextFloors = new float[batch.Count]; // NaN for a query that is done
        Parallel.For(0, batch.Count, _parallel, () => new Ranking(_vectors, _similarity), (i, _, ranking) =>
        {
            int query = batch[i].Query;
            Span<int> indicesOfQuery = indices.AsSpan(query * k, k);
            Span<double> scoresOfQuery = scores.AsSpan(query * k, k);
            ReadOnlySpan<float> values = queries.AsSpan(query * Dimension, Dimension);
            nextFloors[i] = ranking.Rank(lists, i, keep, _error, values, squares[query], indicesOfQuery, scoresOfQuery);
            return ranking;
        }, _ => { });
        for (int i = 0; i < batch.Count; i++)
        {
            if (!float.IsNaN(nextFloors[i]))
                unsure.Add(new PendingQuery(batch[i].Query, nextFloors[i]));
        }
    }

    /// <summary>Fills the neighbors of a query of zeros: every score is 0, so they are the first rows.</summary>
    private static void FirstRows(Span<int> indices)
    {
        for (int i = 0; i < indices.Length; i++)
            indices[i] = i;
    }

    private static void CheckShape(int length, int dimension, string parameter)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (length % dimension != 0)
            throw new ArgumentException($"{length} values are not whole vectors of {dimension}.", parameter);
    }

    /// <summary>Computes the lengths of vectors, and fails if one is not finite.</summary>
    private static double[] Squares(
        ReadOnlyMemory<float> values, int dimension, ParallelOptions parallel, string what, string parameter)
    {
        double[] squares = new double[values.Length / dimension];
        Parallel.For(0, squares.Length, parallel, row => squares[row] = ExactScore.Square(values.Span.Slice(row * dimension, dimension)));
        int bad = Array.FindIndex(squares, square => !double.IsFinite(square));
        return bad < 0 ? squares : throw new ArgumentException($"{what} {bad} has a value that is not finite.", parameter);
    }

    /// <summary>A query to search, for scores above a floor.</summary>
    private readonly record struct PendingQuery(int Query, float Floor);
}
