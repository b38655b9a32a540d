using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.USearch;

namespace Dino.Gpu.Tests.USearch;

/// <summary>Candidates of a graph, scored and ordered by the index.</summary>
public sealed class ApproximateIndexTests : IDisposable
{
    private const int Dimension = ClusteredRows.Dimension;
    private const int Queries = 50;

    private static readonly ApproximateIndexOptions OneThread = new() { Threads = 1 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(197)]
    [InlineData(385)]
    public void With_all_vectors_as_candidates_a_search_is_exact(int count)
    {
        float[] queries = ClusteredRows.Vectors(Queries, 2);
        using VectorIndex index = ClusteredRows.Index(ClusteredRows.Vectors(count, 1));
        using var approximate = ApproximateIndex.Build(index);
        Assert.Equal((count, 0), (approximate.Count, approximate.Added));
        foreach (int k in new[] { 1, 10, count, count + 5 })
            Assert.Equal(index.SearchMany(queries, k), approximate.SearchMany(queries, k, candidates: count));
        if (count > 128)
            Assert.True(ClusteredRows.Recall(index.SearchMany(queries, 10), approximate.SearchMany(queries, 10)) > 0.95);
    }

    /// <summary>One thread builds the same graph each time, so the numbers are the same each time.</summary>
    [Theory]
    [InlineData(GraphPrecision.Float32, FloatType.Float32)]
    [InlineData(GraphPrecision.Float16, FloatType.Float16)]
    [InlineData(GraphPrecision.Int8, FloatType.Float32)]
    public void Few_candidates_find_most_and_score_them_exactly(GraphPrecision precision, FloatType type)
    {
        float[] queries = ClusteredRows.Vectors(Queries, 2);
        using VectorIndex index = ClusteredRows.Index(ClusteredRows.Vectors(6000, 1), type);
        using var approximate = ApproximateIndex.Build(index, OneThread with { Precision = precision });
        IReadOnlyList<VectorHit[]> exact = index.SearchMany(queries, 10);
        IReadOnlyList<VectorHit[]> few = approximate.SearchMany(queries, 10, candidates: 16);
        IReadOnlyList<VectorHit[]> more = approximate.SearchMany(queries, 10, candidates: 128);
        ClusteredRows.AssertExactOrder(index, queries, few);
        ClusteredRows.AssertExactOrder(index, queries, more);
        Assert.All(more, hits => Assert.Equal(10, hits.Length));
        double recall = ClusteredRows.Recall(exact, more);
        Assert.True(recall >= 0.98, $"recall {recall}");
        Assert.InRange(ClusteredRows.Recall(exact, few), 0.7, recall);
        Assert.Equal(more[3], approximate.Search(queries.AsSpan(3 * Dimension, Dimension), 10, candidates: 128));
    }

    [Fact]
    public void A_saved_graph_finds_the_same_and_is_a_file_of_usearch()
    {
        float[] queries = ClusteredRows.Vectors(Queries, 2);
        string path = _folder.Path("a.dinoidx"), saved = _folder.Path("a.usearch"), again = _folder.Path("b.usearch");
        using (VectorIndex index = ClusteredRows.File(path, ClusteredRows.Vectors(2000, 1)))
        {
            using var built = ApproximateIndex.Build(index);
            built.Save(saved);
            using var opened = ApproximateIndex.Open(saved, index);
            Assert.Equal(built.SearchMany(queries, 10, 32), opened.SearchMany(queries, 10, 32));
            opened.Save(again);
        }

        Assert.Equal(File.ReadAllBytes(saved), File.ReadAllBytes(again));
        using (var index = VectorIndex.Open(path))
        {
            using var opened = ApproximateIndex.Open(saved, index);
            Assert.Equal((2000, 0), (opened.Count, opened.Added));
            ClusteredRows.AssertExactOrder(index, queries, opened.SearchMany(queries, 10, 32));
        }

        using var other = new Cloud.Unum.USearch.USearchIndex(saved);
        Assert.Equal(2000ul, other.Size());
        Assert.True(other.Contains(1999));
    }

    [Fact]
    public void What_was_added_since_is_found_and_what_was_removed_is_not()
    {
        float[] vectors = ClusteredRows.Vectors(1000, 1);
        float[] later = ClusteredRows.Vectors(300, 3);
        float[] queries = ClusteredRows.Vectors(Queries, 2);
        string path = _folder.Path("a.dinoidx"), saved = _folder.Path("a.usearch");
        using VectorIndex index = ClusteredRows.File(path, vectors);
        index.Remove("id 5");
        using var approximate = ApproximateIndex.Build(index, OneThread);
        approximate.Save(saved);
        Assert.Equal((999, 0), (approximate.Count, approximate.Added));

        ClusteredRows.Add(index, later[..(100 * Dimension)], "later");
        index.Save(); // a segment
        ClusteredRows.Add(index, later[(100 * Dimension)..], "latest");
        foreach (int row in Enumerable.Range(0, 1000).Where(row => row % 40 == 3)) // most of a cluster
            index.Remove($"id {row}");
        index.Remove("later 7");
        Assert.Equal((999, 300), (approximate.Count, approximate.Added));
        Check(approximate);

        index.Save();
        using var other = VectorIndex.Open(path);
        using var opened = ApproximateIndex.Open(saved, other);
        Assert.Equal((999, 300), (opened.Count, opened.Added));
        Check(opened);

        void Check(ApproximateIndex changed)
        {
            IReadOnlyList<VectorHit[]> exact = index.SearchMany(queries, 10);
            IReadOnlyList<VectorHit[]> found = changed.SearchMany(queries, 10, candidates: 64);
            ClusteredRows.AssertExactOrder(index, queries, found); // so none that was removed
            Assert.True(ClusteredRows.Recall(exact, found) >= 0.98);
            // all that are new among the nearest
            Assert.Equal(exact.Sum(hits => hits.Count(hit => hit.Row >= 1000)), found.Sum(hits => hits.Count(hit => hit.Row >= 1000)));
            Assert.Equal(index.Search(later.AsSpan(0, Dimension), 1), changed.Search(later.AsSpan(0, Dimension), 1, candidates: 1));
        }
    }

    /// <summary>All that the graph offers at first were removed.</summary>
    [Fact]
    public void More_candidates_are_taken_until_enough_were_not_removed()
    {
        float[] vectors = ClusteredRows.Vectors(2000, 1);
        float[] query = vectors[..Dimension];
        using VectorIndex index = ClusteredRows.Index(vectors);
        using var approximate = ApproximateIndex.Build(index, OneThread);
        foreach (VectorHit hit in index.Search(query, 300))
            index.Remove(hit.Id);
        VectorHit[] found = [.. approximate.Search(query, 20, candidates: 20)];
        Assert.Equal(20, found.Length);
        ClusteredRows.AssertExactOrder(index, query, [found]);
        foreach (VectorHit hit in index.Search(query, 1695))
            index.Remove(hit.Id);
        Assert.Equal(index.Search(query, 20), approximate.Search(query, 20, candidates: 20));
        Assert.Equal(5, index.Count);
    }

    [Fact]
    public void Vectors_without_direction_and_of_any_length_are_scored_as_ever()
    {
        float[] vectors = ClusteredRows.Vectors(600, 1);
        foreach (int row in new[] { 0, 77, 300 })
            vectors.AsSpan(row * Dimension, Dimension).Clear();
        for (int i = 0; i < Dimension; i++)
        {
            vectors[10 * Dimension + i] *= 1e30f;
            vectors[11 * Dimension + i] *= 1e-30f;
        }

        float[] queries = [.. vectors[(10 * Dimension)..(12 * Dimension)], .. new float[Dimension]];
        using VectorIndex index = ClusteredRows.Index(vectors);
        using var approximate = ApproximateIndex.Build(index, OneThread);
        IReadOnlyList<VectorHit[]> found = approximate.SearchMany(queries, 5, candidates: 40);
        Assert.Equal((10, 11), (found[0][0].Row, found[1][0].Row));
        Assert.Equal(index.SearchMany(queries, 5)[2], found[2]); // zeros: the first rows
        ClusteredRows.AssertExactOrder(index, queries, found);

        using var empty = VectorIndex.Create(Dimension);
        using var nothing = ApproximateIndex.Build(empty);
        Assert.Empty(nothing.Search(queries.AsSpan(0, Dimension), 3));
        nothing.Save(_folder.Path("empty.usearch"));
        using var opened = ApproximateIndex.Open(_folder.Path("empty.usearch"), index);
        Assert.Equal(600, opened.Added);
        Assert.Equal(index.SearchMany(queries, 5), opened.SearchMany(queries, 5));
    }

    [Fact]
    public async Task Any_number_of_threads_search_while_others_change_the_index()
    {
        float[] queries = ClusteredRows.Vectors(Queries, 2);
        using VectorIndex index = ClusteredRows.Index(ClusteredRows.Vectors(2000, 1));
        var approximate = ApproximateIndex.Build(index);
        index.Remove("id 0");
        using var stop = new CancellationTokenSource();
        Task change = Task.Run(() =>
        {
            for (int i = 1; !stop.IsCancellationRequested && i < 500; i++)
            {
                index.Remove($"id {i}");
                index.Add($"new {i}", queries.AsSpan(0, Dimension));
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 16).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 10; i++)
            {
                int query = (thread + i) % Queries;
                IReadOnlyList<VectorHit> hits = approximate.Search(queries.AsSpan(query * Dimension, Dimension), 10, 40);
                Assert.Equal(10, hits.Count);
                Assert.DoesNotContain("id 0", hits.Select(hit => hit.Id));
                Assert.Equal(hits.OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Row), hits);
            }
        })));
        await stop.CancelAsync();
        await change;

        // Disposed under their feet: a search ends well or says that it is disposed.
        Task[] searches = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            while (true)
                approximate.SearchMany(queries, 10, 40);
        }))];
        approximate.Dispose();
        foreach (Task search in searches)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => search);
    }

    [Fact]
    public void A_canceled_call_ends()
    {
        using VectorIndex index = ClusteredRows.Index(ClusteredRows.Vectors(3000, 1));
        using var stop = new CancellationTokenSource();
        int told = 0;
        var progress = new Told(count =>
        {
            told = count;
            stop.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => ApproximateIndex.Build(index, null, progress, stop.Token));
        Assert.InRange(told, 1, 1000);
        using var approximate = ApproximateIndex.Build(index, null, new Told(count => told = count));
        Assert.Equal(3000, told);
        Assert.ThrowsAny<OperationCanceledException>(
            () => approximate.SearchMany(ClusteredRows.Vectors(2, 2), 3, cancellation: stop.Token));
        approximate.Save(_folder.Path("a.usearch"));
        Assert.ThrowsAny<OperationCanceledException>(() => ApproximateIndex.Open(_folder.Path("a.usearch"), index, stop.Token));
    }

    [Fact]
    public void Wrong_arguments_say_what_was_expected()
    {
        float[] vector = ClusteredRows.Vectors(1, 1);
        using VectorIndex index = ClusteredRows.Index(vector);
        using var approximate = ApproximateIndex.Build(index);
        Assert.Contains("expected 32", Assert.Throws<ArgumentException>(() => approximate.Search(vector.AsSpan(1), 1)).Message);
        Assert.Throws<ArgumentException>(() => approximate.SearchMany(vector.AsSpan(1), 1));
        Assert.Throws<ArgumentException>(() => approximate.Search([.. vector[1..], float.NaN], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => approximate.Search(vector, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => approximate.Search(vector, 1, candidates: 0));
        foreach (ApproximateIndexOptions wrong in new ApproximateIndexOptions[]
            {
                new() { Connectivity = 1 }, new() { Connectivity = 513 }, new() { Expansion = 0 }, new() { Threads = 0 },
                new() { Precision = (GraphPrecision)77 },
            })
            Assert.Throws<ArgumentOutOfRangeException>(() => ApproximateIndex.Build(index, wrong));
        foreach (int wrong in (int[])[0, -1])
            Assert.Throws<ArgumentOutOfRangeException>(() => approximate.Threads = wrong);
        Assert.Null(approximate.Threads);
    }

    private sealed class Told(Action<int> tell) : IProgress<int>
    {
        public void Report(int value) => tell(value);
    }
}
