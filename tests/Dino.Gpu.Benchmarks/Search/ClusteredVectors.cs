using System.Numerics;
using System.Runtime.InteropServices;

namespace Dino.Gpu.Benchmarks.Search;

/// <summary>
/// Seeded vectors that lie as embeddings do: in clusters, and near a surface of few dimensions. Each is a point of one
/// of 2000 clusters in 24 dimensions, mapped to all dimensions by a random matrix, and a little noise.
/// </summary>
/// <param name="dimension">Values of a vector.</param>
/// <param name="isUniform">No clusters and no surface: every value is random, the hardest case for a graph.</param>
internal sealed class ClusteredVectors(int dimension, bool isUniform)
{
    private const int Clusters = 2000;
    private const int Latent = 24;
    private const float Spread = 0.5f;
    private const float Noise = 0.03f;

    private readonly float[] _centers = Normal(Clusters * Latent, 1);
    private readonly float[] _map = Normal(Latent * dimension, 2);

    /// <summary>Some vectors.</summary>
    /// <param name="values">(vectors, dimension), filled.</param>
    /// <param name="state">Of the random numbers, not zero; goes on.</param>
    public void Fill(Span<float> values, ref ulong state)
    {
        Span<float> point = stackalloc float[Latent];
        for (int start = 0; start < values.Length; start += dimension)
        {
            Span<float> vector = values.Slice(start, dimension);
            RandomValues.Fill(vector, ref state);
            if (isUniform)
                continue;
            foreach (ref float value in vector)
                value *= Noise;
            RandomValues.Fill(point, ref state);
            ReadOnlySpan<float> center = _centers.AsSpan((int)(state % Clusters) * Latent, Latent);
            for (int i = 0; i < Latent; i++)
                AddScaled(vector, _map.AsSpan(i * dimension, dimension), (center[i] + Spread * point[i]) / Latent);
        }
    }

    private static float[] Normal(int count, ulong state)
    {
        float[] values = new float[count];
        RandomValues.Fill(values, ref state);
        return values;
    }

    private static void AddScaled(Span<float> sum, ReadOnlySpan<float> values, float factor)
    {
        Span<Vector<float>> sums = MemoryMarshal.Cast<float, Vector<float>>(sum);
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        for (int i = 0; i < sums.Length; i++)
            sums[i] += factor * vectors[i];
        for (int i = sums.Length * Vector<float>.Count; i < sum.Length; i++)
            sum[i] += factor * values[i];
    }
}
