using Dino.Gpu.Search;

namespace Dino.Gpu.Tests.Search;

/// <summary>
/// What a search has to give: every score in double precision, all of them sorted, equal ones by index. And the data to
/// search.
/// </summary>
internal static class SearchTwin
{
    /// <summary>The best k of every query: (queries, k) indices and scores.</summary>
    public static (int[] Indices, double[] Scores) Search(float[] vectors, float[] queries, int dimension, int k, Similarity similarity)
    {
        int count = vectors.Length / dimension;
        int queryCount = queries.Length / dimension;
        k = Math.Min(k, count);
        int[] indices = new int[queryCount * k];
        double[] best = new double[queryCount * k];
        Parallel.For(0, queryCount, query =>
        {
            double[] scores = new double[count];
            int[] order = new int[count];
            ReadOnlySpan<float> q = queries.AsSpan(query * dimension, dimension);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<float> v = vectors.AsSpan(i * dimension, dimension);
                double dot = Dot(q, v);
                double norms = Math.Sqrt(Dot(q, q) * Dot(v, v));
                scores[i] = similarity == Similarity.InnerProduct ? dot : norms == 0 ? 0 : Math.Clamp(dot / norms, -1, 1);
                order[i] = i;
            }

            double[] keys = Array.ConvertAll(scores, score => -score);
            Array.Sort(keys, order);
            for (int start = 0, end; start < count; start = end)
            {
                for (end = start + 1; end < count && keys[end] == keys[start];)
                    end++;
                Array.Sort(order, start, end - start);
            }

            for (int i = 0; i < k; i++)
            {
                indices[query * k + i] = order[i];
                best[query * k + i] = scores[order[i]];
            }
        });
        return (indices, best);
    }

    /// <summary>Every index and every bit of every score.</summary>
    public static void AssertEqual(string name, (int[] Indices, double[] Scores) expected, Neighbors actual)
    {
        Assert.Equal(expected.Indices.Length, actual.QueryCount * actual.K);
        for (int query = 0; query < actual.QueryCount; query++)
        {
            for (int i = 0; i < actual.K; i++)
            {
                int index = expected.Indices[query * actual.K + i];
                double score = expected.Scores[query * actual.K + i];
                Assert.True(
                    index == actual.Indices(query)[i] && score == actual.Scores(query)[i],
                    $"{name}: query {query}, place {i}: expected {index} with {score:R}, got {actual.Indices(query)[i]} with "
                        + $"{actual.Scores(query)[i]:R}");
            }
        }
    }

    /// <summary>Values of a normal distribution.</summary>
    public static float[] Normal(int count, int seed)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }
}
