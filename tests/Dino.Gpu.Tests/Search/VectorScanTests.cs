using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Search;

/// <summary>
/// The search that reads vectors where they lie, against a double-precision sort and the packed search.
/// </summary>
public sealed class VectorScanTests : IDisposable
{
    private const int Queries = 5;

    /// <summary>Vectors, dimension, and numbers of neighbors.</summary>
    private static readonly (int Count, int Dimension, int[] Ks)[] Shapes =
    [
        (1, 1, [1]), (2, 384, [1, 2]), (7, 5, [3, 7]), (31, 33, [10]), (193, 384, [1, 10, 193]), (500, 385, [200, 300]),
        (1000, 1, [1, 10]), (1000, 3, [100]), (3000, 769, [20, 200]), (20_000, 48, [1, 10, 200]), (3, 70_000, [2]),
    ];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<int> Widths => [4, 8, 16];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_scan_equals_a_sort(int width)
    {
        SimdModel.Require((SimdWidth)width);
        foreach ((int count, int dimension, int[] ks) in Shapes)
        {
            float[] vectors = SearchTwin.Normal(count * dimension, count);
            float[] queries = SearchTwin.Normal(Queries * dimension, 7);
            foreach (int k in ks)
            {
                var expected = SearchTwin.Search(vectors, queries, dimension, k, Similarity.Cosine);
                foreach (int threads in new[] { 1, 3 })
                {
                    VectorScan scan = Scan(vectors, dimension, blocks: threads);
                    Neighbors found = scan.Search(queries, k, threads, width: (SimdWidth)width);
                    SearchTwin.AssertEqual($"{count} x {dimension}, k {k}, {threads} threads", expected, found);
                }
            }
        }
    }

    [Fact]
    public void Equal_and_nearly_equal_vectors_are_in_the_order_of_the_packed_search()
    {
        const int Count = 6000;
        const int Dimension = 48;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 1);
        var random = new Random(2);
        for (int i = 0; i < Count; i++)
        {
            Span<float> row = vectors.AsSpan(i * Dimension, Dimension);
            if (i % 3 == 0)
                vectors.AsSpan(0, Dimension).CopyTo(row); // two thousand copies
            if (i % 6 == 0)
                row[random.Next(Dimension)] = MathF.BitIncrement(row[random.Next(Dimension)]); // or nearly
            if (i % 7 == 0)
            {
                foreach (ref float value in row)
                    value *= 4; // another length, the same direction
            }
        }

        float[] queries = [.. vectors[..Dimension], .. SearchTwin.Normal(20 * Dimension, 5)];
        using NearestNeighbors packed = NearestNeighbors.Create(vectors, Dimension, new NearestNeighborsOptions { Device = "cpu" });
        foreach (int k in new[] { 1, 10, 999, 4500 })
        {
            Neighbors expected = packed.Search(queries, k);
            Neighbors found = Scan(vectors, Dimension, blocks: 3).Search(queries, k, 2);
            for (int query = 0; query < expected.QueryCount; query++)
            {
                Assert.Equal(expected.Indices(query).ToArray(), found.Indices(query).ToArray());
                Assert.Equal(Bits(expected.Scores(query)), Bits(found.Scores(query)));
            }
        }
    }

    /// <summary>Squares of these leave float32, in either direction.</summary>
    [Fact]
    public void Tiny_and_huge_and_zero_vectors_equal_a_sort()
    {
        const int Count = 1200;
        const int Dimension = 20;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 3);
        float[] factors = [1, 1e-30f, 1e30f, 0, 1e-38f, 1e15f, 1e-15f];
        for (int i = 0; i < vectors.Length; i++)
            vectors[i] *= factors[i / Dimension % factors.Length];
        float[] queries = [.. SearchTwin.Normal(3 * Dimension, 4), .. vectors[..(7 * Dimension)]];
        var expected = SearchTwin.Search(vectors, queries, Dimension, Count, Similarity.Cosine);
        SearchTwin.AssertEqual("all", expected, Scan(vectors, Dimension, blocks: 2).Search(queries, Count));
        expected = SearchTwin.Search(vectors, queries, Dimension, 5, Similarity.Cosine);
        SearchTwin.AssertEqual("few", expected, Scan(vectors, Dimension, blocks: 2).Search(queries, 5));
    }

    [Fact]
    public void Removed_rows_are_not_found()
    {
        const int Count = 3000;
        const int Dimension = 24;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 8);
        int[] kept = [.. Enumerable.Range(0, Count).Where(row => row % 5 != 0 && row != Count - 1)];
        RowSet removed = RowSet.Empty.With([0, Count - 1]).With([.. Enumerable.Range(0, Count).Where(row => row % 5 == 0)]);
        Assert.Equal(Count - kept.Length, removed.Count);
        float[] left = [.. kept.SelectMany(row => vectors[(row * Dimension)..((row + 1) * Dimension)])];
        float[] queries = [.. SearchTwin.Normal(4 * Dimension, 9), .. vectors[..Dimension], .. new float[Dimension]];
        (int[] indices, double[] scores) = SearchTwin.Search(left, queries, Dimension, 50, Similarity.Cosine);
        var scan = new VectorScan([new MemoryVectors(vectors, Count, Dimension)], Dimension, removed);
        SearchTwin.AssertEqual("removed", ([.. indices.Select(index => kept[index])], scores), scan.Search(queries, 50));
    }

    [Fact]
    public void Vectors_in_a_file_are_found_as_those_in_memory()
    {
        const int Count = 2500;
        const int Dimension = 50;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 11);
        Half[] halves = Array.ConvertAll(vectors, value => (Half)value);
        float[] rounded = Array.ConvertAll(halves, value => (float)value);
        float[] queries = SearchTwin.Normal(70 * Dimension, 12);
        foreach (bool isHalf in new[] { false, true })
        {
            byte[] bytes = isHalf ? MemoryMarshal.AsBytes<Half>(halves).ToArray() : MemoryMarshal.AsBytes<float>(vectors).ToArray();
            string path = _folder.Write("vectors.bin", [1, 2, 3, .. bytes]);
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
            var expected = SearchTwin.Search(isHalf ? rounded : vectors, queries, Dimension, 10, Similarity.Cosine);
            var scan = new VectorScan([new FileVectors(file, 3, Count, Dimension, isHalf)], Dimension);
            SearchTwin.AssertEqual(isHalf ? "float16" : "float32", expected, scan.Search(queries, 10));

            var longer = new VectorScan([new FileVectors(file, 3, Count + 1, Dimension, isHalf)], Dimension);
            Assert.ThrowsAny<IOException>(() => longer.Search(queries, 10));
        }
    }

    [Fact]
    public void Every_float16_becomes_the_same_number()
    {
        ushort[] halves = [.. Enumerable.Range(0, 1 << 16).Select(bits => (ushort)bits)];
        float[] expected = Array.ConvertAll(halves, bits => (float)BitConverter.UInt16BitsToHalf(bits));
        float[] wide = new float[halves.Length];
        RowScores.Widen(halves, wide);
        Assert.Equal(expected.Select(Bits), wide.Select(Bits));

        // In the same memory, as files are read.
        float[] shared = new float[100];
        Span<ushort> upper = MemoryMarshal.Cast<float, ushort>(shared.AsSpan())[100..];
        halves.AsSpan(1000, 100).CopyTo(upper);
        RowScores.Widen(upper, shared);
        Assert.Equal(expected[1000..1100], shared);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_value_that_is_not_finite_is_an_error(float value)
    {
        float[] vectors = SearchTwin.Normal(1000 * 40, 3);
        vectors[777 * 40 + 33] = value;
        var failure = Assert.Throws<InvalidDataException>(() => Scan(vectors, 40, blocks: 1).Search(SearchTwin.Normal(40, 1), 3));
        Assert.Contains("vector 777 has a value that is not finite", failure.Message);
    }

    [Fact]
    public void A_canceled_search_ends()
    {
        VectorScan scan = Scan(SearchTwin.Normal(1000 * 40, 3), 40, blocks: 1);
        Assert.ThrowsAny<OperationCanceledException>(
            () => scan.Search(SearchTwin.Normal(40, 1), 3, cancellation: new CancellationToken(canceled: true)));
    }

    /// <summary>The vectors in blocks of different lengths, an empty one among them.</summary>
    private static VectorScan Scan(float[] vectors, int dimension, int blocks)
    {
        int count = vectors.Length / dimension;
        var parts = new List<VectorBlock>();
        for (int i = 0, first = 0; i < blocks; i++)
        {
            int length = i == blocks - 1 ? count - first : Math.Min(count - first, count / 5);
            parts.Add(new MemoryVectors(vectors.AsMemory(first * dimension), length, dimension));
            parts.Add(new MemoryVectors(Array.Empty<float>(), 0, dimension));
            first += length;
        }

        return new VectorScan(parts, dimension);
    }

    /// <summary>Every NaN is one: a conversion may mark it as quiet.</summary>
    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(float.IsNaN(value) ? float.NaN : value);

    private static long[] Bits(ReadOnlySpan<double> scores) => Array.ConvertAll(scores.ToArray(), BitConverter.DoubleToInt64Bits);
}
