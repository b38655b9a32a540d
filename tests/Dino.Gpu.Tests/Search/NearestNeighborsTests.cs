using Dino.Gpu.Devices;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Search;

/// <summary>Search on the CPU device against a double-precision sort, for every register width.</summary>
public sealed class NearestNeighborsTests : IDisposable
{
    private const int Queries = 5;

    private readonly DinoDevice _device = DinoDevice.Open("cpu", 2);

    public static TheoryData<int> Widths => [4, 8, 16];

    public void Dispose() => _device.Dispose();

    /// <summary>Vectors, dimension, and numbers of neighbors.</summary>
    private static readonly (int Count, int Dimension, int[] Ks)[] Shapes =
    [
        (1, 1, [1, 3]), (2, 384, [1, 2, 200]), (7, 5, [3, 7]), (31, 33, [10]), (193, 384, [1, 10, 193]),
            (500, 385, [200, 300]), (1000, 1, [1, 10]),
        (1000, 3, [100]), (3000, 769, [20, 200]), (20_000, 48, [1, 10, 200]),
    ];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Search_equals_a_sort(int width)
    {
        SimdModel.Require((SimdWidth)width);
        foreach ((int count, int dimension, int[] ks) in Shapes)
        {
            float[] vectors = SearchTwin.Normal(count * dimension, count);
            float[] queries = SearchTwin.Normal(Queries * dimension, 7);
            foreach (Similarity similarity in Enum.GetValues<Similarity>())
            {
                using NearestNeighbors search = Create(vectors, dimension, similarity, width);
                foreach (int k in ks)
                {
                    var expected = SearchTwin.Search(vectors, queries, dimension, k, similarity);
                    SearchTwin.AssertEqual($"{count} x {dimension}, k {k}, {similarity}", expected, search.Search(queries, k));
                }
            }
        }
    }

    /// <summary>
    /// Few vectors are ranked without a launch: the device is gone by then. Copies, zeros and ties as ever.
    /// </summary>
    [Fact]
    public void Few_products_are_computed_on_the_calling_thread()
    {
        foreach ((int count, int dimension, int[] ks) in Shapes.Where(shape => shape.Count <= 1000))
        {
            float[] vectors = SearchTwin.Normal(count * dimension, count);
            vectors.AsSpan(0, dimension).CopyTo(vectors.AsSpan(count / 2 * dimension));
            vectors.AsSpan(count / 3 * dimension, dimension).Clear();
            float[] queries = SearchTwin.Normal(Queries * dimension, 7);
            vectors.AsSpan(0, dimension).CopyTo(queries);
            queries.AsSpan(dimension, dimension).Clear();
            foreach (Similarity similarity in Enum.GetValues<Similarity>())
            {
                DinoDevice device = DinoDevice.Open("cpu", 2);
                var options = new NearestNeighborsOptions { Similarity = similarity };
                using NearestNeighbors search =
                    NearestNeighbors.Create(device, ownsDevice: false, vectors, dimension, options, direct: long.MaxValue);
                device.Dispose(); // a launch would fail from here on
                foreach (int k in ks)
                {
                    var expected = SearchTwin.Search(vectors, queries, dimension, k, similarity);
                    SearchTwin.AssertEqual($"{count} x {dimension}, k {k}, {similarity}", expected, search.Search(queries, k));
                }
            }
        }
    }

    [Fact]
    public void A_search_of_few_vectors_needs_no_device_and_one_of_many_does()
    {
        using NearestNeighbors few = NearestNeighbors.Create(
            SearchTwin.Normal(5 * 384, 1), 384, new NearestNeighborsOptions { Device = "cpu" });
        Assert.True(few.RanksAll(1));
        using NearestNeighbors many = NearestNeighbors.Create(
            SearchTwin.Normal(3000 * 384, 1), 384, new NearestNeighborsOptions { Device = "cpu" });
        Assert.False(many.RanksAll(1));
        Assert.False(few.RanksAll(1000));
    }

    /// <summary>The size that the kernels are made for, for which each thread's lists are cut many times.</summary>
    [Fact]
    public void A_hundred_thousand_vectors_equal_a_sort()
    {
        const int Dimension = 384;
        float[] vectors = SearchTwin.Normal(100_000 * Dimension, 1);
        float[] queries = SearchTwin.Normal(30 * Dimension, 2);
        using NearestNeighbors search = NearestNeighbors.Create(vectors, Dimension, new NearestNeighborsOptions { Device = "cpu" });
        (int[] indices, double[] scores) = SearchTwin.Search(vectors, queries, Dimension, 200, Similarity.Cosine);
        SearchTwin.AssertEqual("k 200", (indices, scores), search.Search(queries, 200));
        SearchTwin.AssertEqual("k 10", ([.. First(indices, 10)], [.. First(scores, 10)]), search.Search(queries, 10));

        static IEnumerable<T> First<T>(T[] values, int k) => values.Chunk(200).SelectMany(chunk => chunk.Take(k));
    }

    /// <summary>
    /// Copies, zeros, and vectors on one line, whose cosines differ by no more than roundings: all that a float cannot
    /// tell apart.
    /// </summary>
    [Theory]
    [MemberData(nameof(Widths))]
    public void Ties_are_in_the_order_of_their_indices(int width)
    {
        SimdModel.Require((SimdWidth)width);
        const int Count = 6000;
        const int Dimension = 20;
        float[] different = SearchTwin.Normal(Count * Dimension, 3);
        var random = new Random(4);
        float[] vectors = new float[Count * Dimension];
        for (int row = 0; row < Count; row++)
        {
            // A few vectors a thousand times, zeros, multiples of one vector, and its neighbors an ulp away.
            Span<float> target = vectors.AsSpan(row * Dimension, Dimension);
            ReadOnlySpan<float> source = different.AsSpan(random.Next(4) * Dimension, Dimension);
            switch (random.Next(4))
            {
                case 0:
                    target.Clear();
                    break;
                case 1:
                    source.CopyTo(target);
                    break;
                case 2:
                    for (int i = 0; i < Dimension; i++)
                        target[i] = different[i] * (1 + random.Next(50));
                    break;
                default:
                    source.CopyTo(target);
                    target[random.Next(Dimension)] = MathF.BitIncrement(target[3]);
                    break;
            }
        }

        float[] queries = [.. different.Take(3 * Dimension), .. new float[Dimension], .. SearchTwin.Normal(2 * Dimension, 5)];
        foreach (Similarity similarity in Enum.GetValues<Similarity>())
        {
            using NearestNeighbors search = Create(vectors, Dimension, similarity, width);
            foreach (int k in new[] { 1, 50, 2000, Count })
            {
                var expected = SearchTwin.Search(vectors, queries, Dimension, k, similarity);
                SearchTwin.AssertEqual($"k {k}, {similarity}", expected, search.Search(queries, k));
            }
        }
    }

    /// <summary>Lengths from the smallest numbers to the largest: nothing overflows, and nothing is lost.</summary>
    [Theory]
    [InlineData(Similarity.Cosine)]
    [InlineData(Similarity.InnerProduct)]
    public void Extreme_lengths_are_right(Similarity similarity)
    {
        const int Dimension = 50;
        float[] vectors = SearchTwin.Normal(400 * Dimension, 1);
        float[] queries = SearchTwin.Normal(4 * Dimension, 2);
        float[] factors = [1e-44f, 1e-38f, 1e-20f, 1, 1e20f, 8e37f];
        for (int i = 0; i < vectors.Length; i++)
            vectors[i] *= factors[i / Dimension % factors.Length];
        for (int i = 0; i < queries.Length; i++)
            queries[i] *= factors[i / Dimension + 1];
        using NearestNeighbors search = Create(vectors, Dimension, similarity);
        SearchTwin.AssertEqual("k 100", SearchTwin.Search(vectors, queries, Dimension, 100, similarity), search.Search(queries, 100));
    }

    [Fact]
    public void Threads_do_not_change_the_result()
    {
        const int Dimension = 64;
        float[] vectors = SearchTwin.Normal(5000 * Dimension, 1);
        float[] queries = SearchTwin.Normal(70 * Dimension, 2);
        var expected = SearchTwin.Search(vectors, queries, Dimension, 30, Similarity.Cosine);
        foreach (int threads in new[] { 1, 2, 5 })
        {
            using NearestNeighbors search = NearestNeighbors.Create(
                vectors, Dimension, new NearestNeighborsOptions { Device = "cpu", Threads = threads });
            SearchTwin.AssertEqual($"{threads} threads", expected, search.Search(queries, 30));
        }
    }

    /// <summary>More queries than a launch takes.</summary>
    [Fact]
    public void Many_queries_are_searched_in_parts()
    {
        const int Dimension = 8;
        float[] vectors = SearchTwin.Normal(300 * Dimension, 1);
        float[] queries = SearchTwin.Normal(2100 * Dimension, 2);
        using NearestNeighbors search = Create(vectors, Dimension);
        SearchTwin.AssertEqual(
            "2100 queries", SearchTwin.Search(vectors, queries, Dimension, 5, Similarity.Cosine), search.Search(queries, 5));
    }

    [Fact]
    public void No_queries_have_no_neighbors()
    {
        using NearestNeighbors search = Create([1, 2, 3], 3);
        Assert.Equal(0, search.Search([], 5).QueryCount);
    }

    [Fact]
    public void Bad_input_is_refused_by_row()
    {
        float[] vectors = SearchTwin.Normal(5 * 4, 1);
        using NearestNeighbors search = Create(vectors, 4);
        Assert.Contains(
            "Query 1 ",
            Assert.Throws<ArgumentException>(() => search.Search([1, 2, 3, 4, 5, float.NaN, 7, 8], 1)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => search.Search([1, 2, 3], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => search.Search(vectors, 0));
        vectors[4 * 3 + 2] = float.PositiveInfinity;
        Assert.Contains("Vector 3 ", Assert.Throws<ArgumentException>(() => Create(vectors, 4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Create([], 4));
        Assert.Throws<ArgumentException>(() => Create([1, 2, 3], 2));
    }

    /// <summary>Chains of neighbors, each close to the next only, copies, and vectors of their own.</summary>
    [Theory]
    [MemberData(nameof(Widths))]
    public void Groups_are_those_of_all_pairs(int width)
    {
        SimdModel.Require((SimdWidth)width);
        const int Dimension = 12;
        const double Threshold = 0.97;
        const int Count = 900;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 1);
        var random = new Random(2);
        for (int row = 1; row < Count; row++)
        {
            Span<float> target = vectors.AsSpan(row * Dimension, Dimension);
            ReadOnlySpan<float> source = vectors.AsSpan(random.Next(row) * Dimension, Dimension);
            int kind = random.Next(5);
            if (kind == 1)
                target.Clear();
            for (int i = 0; i < Dimension && kind >= 2; i++)
                target[i] = source[i] + (kind == 2 ? 0 : 0.15f * target[i]);
        }

        int[] group = [.. Enumerable.Range(0, Count)];
        var (indices, scores) = SearchTwin.Search(vectors, vectors, Dimension, Count, Similarity.Cosine);
        for (int pair = 0; pair < scores.Length; pair++)
        {
            (int from, int to) = (group[pair / Count], group[indices[pair]]);
            for (int i = 0; i < Count && scores[pair] >= Threshold && from != to; i++)
                group[i] = group[i] == Math.Max(from, to) ? Math.Min(from, to) : group[i];
        }

        int[][] expected = [.. Enumerable.Range(0, Count).GroupBy(i => group[i]).Select(rows => rows.ToArray())
            .Where(rows => rows.Length > 1).OrderBy(rows => rows[0])];
        using NearestNeighbors search = Create(vectors, Dimension, width: width);
        IReadOnlyList<int[]> actual = search.Groups(Threshold, TestContext.Current.CancellationToken);
        Assert.InRange(expected.Length, 10, 300);
        Assert.Equal(expected, actual);
        Assert.Equal([[.. Enumerable.Range(0, Count)]], search.Groups(-1, TestContext.Current.CancellationToken));
        Assert.Empty(search.Groups(1.1, TestContext.Current.CancellationToken));
        Assert.Throws<ArgumentException>(() => search.Groups(double.NaN, TestContext.Current.CancellationToken));
    }

    /// <summary>A picture that is searched among others finds itself with 1, so a threshold of 1 leaves it in.</summary>
    [Theory]
    [MemberData(nameof(Widths))]
    public void A_vector_that_is_there_is_found_with_exactly_1(int width)
    {
        SimdModel.Require((SimdWidth)width);
        const int Dimension = 31;
        const int Count = 300;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 3);
        using NearestNeighbors search = Create(vectors, Dimension, width: width);
        Neighbors found = search.Search(vectors, 1);
        for (int query = 0; query < Count; query++)
        {
            Assert.Equal([query], found.Indices(query));
            Assert.Equal([1.0], found.Scores(query));
        }
    }

    private NearestNeighbors Create(float[] vectors, int dimension, Similarity similarity = Similarity.Cosine, int? width = null) =>
        NearestNeighbors.Create(
            _device,
            ownsDevice: false,
            vectors,
            dimension,
            new NearestNeighborsOptions { Similarity = similarity, Threads = 2 },
            (SimdWidth?)width);
}
