using Dino.Gpu.Search;

namespace Dino.Gpu.Classification;

/// <summary>
/// The weighted k-nearest-neighbor classifier by which DINO is judged. The k training vectors with the largest cosines
/// vote for their class with weight exp(cosine / temperature). It needs no training. Votes are counted in double
/// precision. Thread-safe: one object serves any number of threads.
/// </summary>
/// <remarks>
/// Three things differ from <c>eval_knn.py</c>. First, equal votes go to the smaller class index; in the original the
/// sort decides. Second, a class without a vote is never predicted; in the original such classes fill up the top 5.
/// Third, a k above the number of training vectors means all of them; in the original it is an error.
/// </remarks>
public sealed class KnnClassifier : IDisposable
{
    /// <summary>
    /// The most queries of one search. It bounds the memory of the neighbors: 100 000 queries with k = 200 would take
    /// 240 MB.
    /// </summary>
    private const int ChunkLength = 8192;

    private readonly NearestNeighbors _neighbors;
    private readonly LabeledVectors _train;
    private readonly double _temperature;

    private KnnClassifier(NearestNeighbors neighbors, LabeledVectors train, double temperature)
    {
        _neighbors = neighbors;
        _train = train;
        _temperature = temperature;
    }

    /// <summary>The classes of the training vectors.</summary>
    public IReadOnlyList<string> ClassNames => _train.ClassNames;

    /// <summary>Opens a device and copies the training vectors to it. They need not have length 1.</summary>
    /// <param name="train">The vectors that vote.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentException">The temperature is not positive.</exception>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public static KnnClassifier Create(LabeledVectors train, KnnOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(train);
        options ??= new KnnOptions();
        if (!(options.Temperature > 0 && double.IsFinite(options.Temperature)))
            throw new ArgumentException($"The temperature is {options.Temperature}, expected a number above 0.", nameof(options));
        var search = new NearestNeighborsOptions { Device = options.Device, Threads = options.Threads, Warning = options.Warning };
        return new KnnClassifier(NearestNeighbors.Create(train.Values, train.Dimension, search), train, options.Temperature);
    }

    /// <summary>Classifies vectors with one k.</summary>
    /// <param name="vectors">(count, dimension)</param>
    /// <param name="k">The number of voters.</param>
    public Predictions Classify(ReadOnlyMemory<float> vectors, int k) => Classify(vectors, [k])[0];

    /// <summary>Classifies vectors with several k, from one search.</summary>
    /// <param name="vectors">(count, dimension)</param>
    /// <param name="ks">
    /// Numbers of voters, each at least 1. A number above that of the training vectors means all of them.
    /// </param>
    /// <param name="cancellation">Checked between chunks of queries.</param>
    /// <returns>Predictions for each k. Scores are shares of the vote.</returns>
    /// <exception cref="ArgumentException">Not whole vectors, a value that is not finite, or a k below 1.</exception>
    public Predictions[] Classify(ReadOnlyMemory<float> vectors, IReadOnlyList<int> ks, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ks);
        int dimension = _train.Dimension;
        if (vectors.Length % dimension != 0)
            throw new ArgumentException($"{vectors.Length} values are not whole vectors of {dimension}.", nameof(vectors));
        LabeledVectors.CheckFinite(vectors.Span, dimension, nameof(vectors));
        if (ks.Count == 0 || ks.Any(k => k < 1))
            throw new ArgumentException("Every k has to be 1 or more.", nameof(ks));
        int count = vectors.Length / dimension;
        Predictions[] predictions = [.. ks.Select(_ => new Predictions(count))];
        double[] votes = new double[ClassNames.Count];
        for (int first = 0; first < count; first += ChunkLength)
        {
            cancellation.ThrowIfCancellationRequested();
            int length = Math.Min(ChunkLength, count - first);
            Neighbors found = _neighbors.Search(vectors.Span.Slice(first * dimension, length * dimension), ks.Max());
            for (int query = 0; query < length; query++)
            {
                for (int i = 0; i < ks.Count; i++)
                {
                    Vote(found.Indices(query), found.Scores(query), ks[i], votes);
                    predictions[i].Set(first + query, votes, floor: 0);
                }
            }
        }

        return predictions;
    }

    /// <summary>Frees the device.</summary>
    public void Dispose() => _neighbors.Dispose();

    /// <summary>
    /// Computes each class's share of the votes of the first k neighbors. All weights of a query are divided by that of
    /// its nearest neighbor. This keeps the order, and keeps exp within range at any temperature.
    /// </summary>
    private void Vote(ReadOnlySpan<int> neighbors, ReadOnlySpan<double> cosines, int k, Span<double> votes)
    {
        votes.Clear();
        double sum = 0;
        for (int i = 0; i < Math.Min(k, neighbors.Length); i++)
        {
            double weight = Math.Exp((cosines[i] - cosines[0]) / _temperature);
            votes[_train.Labels[neighbors[i]]] += weight;
            sum += weight;
        }

        foreach (ref double vote in votes)
            vote /= sum;
    }
}
