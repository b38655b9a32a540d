using Dino.Gpu.Devices;

namespace Dino.Gpu.Search;

/// <summary>
/// Exact nearest neighbours among vectors that stay on a device: the same indices, in the same order, as a sort of double-precision scores.
/// Not thread-safe.
/// </summary>
public sealed class NearestNeighbours : IDisposable
{
    private readonly DinoDevice _device;
    private readonly ReadOnlyMemory<float> _vectors; // (count, dimension)
    private readonly Similarity _similarity;
    private readonly double[] _norms; // (count)
    private readonly ParallelOptions _parallel;

    private NearestNeighbours(DinoDevice device, ReadOnlyMemory<float> vectors, int dimension, double[] norms, NearestNeighboursOptions options)
    {
        _device = device;
        _vectors = vectors;
        _norms = norms;
        _similarity = options.Similarity;
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads ?? Environment.ProcessorCount };
        Dimension = dimension;
    }

    /// <summary>Vectors.</summary>
    public int Count => _norms.Length;

    /// <summary>Values of a vector.</summary>
    public int Dimension { get; }

    /// <summary>The device that it runs on.</summary>
    public DeviceInfo Device => _device.Info;

    /// <summary>Opens a device and puts vectors on it.</summary>
    /// <param name="vectors">(count, dimension). Kept, not copied: they must not change while this lives.</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="options">Null for the defaults: cosine, on the best device.</param>
    /// <exception cref="ArgumentException">No vectors, not whole vectors, or a value that is not finite; the message names the row.</exception>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public static NearestNeighbours Create(ReadOnlyMemory<float> vectors, int dimension, NearestNeighboursOptions? options = null)
    {
        options ??= new NearestNeighboursOptions();
        double[] norms = Norms(vectors.Span, dimension, "vector", nameof(vectors));
        if (norms.Length == 0)
            throw new ArgumentException("No vectors to search.", nameof(vectors));
        return new NearestNeighbours(DinoDevice.Open(options.Device, options.Threads), vectors, dimension, norms, options);
    }

    /// <summary>The nearest vectors of each query.</summary>
    /// <param name="queries">(queries, dimension)</param>
    /// <param name="k">Neighbours of each; more than <see cref="Count"/> gives all.</param>
    /// <exception cref="ArgumentException">Not whole queries, or a value that is not finite; the message names the row.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="k"/> is not positive.</exception>
    public Neighbours Search(ReadOnlySpan<float> queries, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        double[] norms = Norms(queries, Dimension, "query", nameof(queries));
        k = Math.Min(k, Count);
        if ((long)norms.Length * k > Array.MaxLength)
            throw new ArgumentException($"{norms.Length} queries with {k} neighbours each are more than an array holds ({Array.MaxLength}); search in parts.", nameof(queries));
        int[] indices = new int[norms.Length * k];
        double[] scores = new double[norms.Length * k];
        float[] copy = queries.ToArray();
        Parallel.For(0, norms.Length, _parallel, query =>
        {
            ReadOnlySpan<float> values = copy.AsSpan(query * Dimension, Dimension);
            double[] all = new double[Count];
            int[] order = new int[Count];
            for (int i = 0; i < Count; i++)
            {
                double dot = ExactScore.Dot(values, _vectors.Span.Slice(i * Dimension, Dimension));
                all[i] = -(_similarity == Similarity.Cosine ? ExactScore.Cosine(dot, norms[query] * _norms[i]) : dot);
                order[i] = i;
            }

            Array.Sort(order, (left, right) => all[left] != all[right] ? all[left].CompareTo(all[right]) : left.CompareTo(right));
            for (int i = 0; i < k; i++)
            {
                indices[query * k + i] = order[i];
                scores[query * k + i] = -all[order[i]];
            }
        });
        return new Neighbours(norms.Length, k, indices, scores);
    }

    /// <summary>Frees the device.</summary>
    public void Dispose() => _device.Dispose();

    private static double[] Norms(ReadOnlySpan<float> values, int dimension, string what, string parameter)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (values.Length % dimension != 0)
            throw new ArgumentException($"{values.Length} values are not whole vectors of {dimension}.", parameter);
        double[] norms = new double[values.Length / dimension];
        for (int i = 0; i < norms.Length; i++)
        {
            norms[i] = ExactScore.Norm(values.Slice(i * dimension, dimension));
            if (!double.IsFinite(norms[i]))
                throw new ArgumentException($"{what} {i} has a value that is not finite.", parameter);
        }

        return norms;
    }
}
