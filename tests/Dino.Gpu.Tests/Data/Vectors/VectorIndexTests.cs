using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Vectors;

/// <summary>Vectors that are added, removed, saved, opened and searched.</summary>
public sealed class VectorIndexTests : IDisposable
{
    private const int Dimension = 24;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(FloatType.Float32)]
    [InlineData(FloatType.Float16)]
    public void What_is_added_and_removed_is_found_before_and_after_it_is_saved(FloatType type)
    {
        string path = _folder.Path("a.dinoidx");
        float[] vectors = SearchTwin.Normal(300 * Dimension, 1);
        float[] queries = SearchTwin.Normal(7 * Dimension, 2);
        using (var index = VectorIndex.CreateFile(path, Dimension, type, Model()))
        {
            Assert.Equal((0, Dimension, type), (index.Count, index.Dimension, index.Type));
            Assert.Empty(index.Search(queries.AsSpan(0, Dimension), 3));
            AddAll(index, vectors, 0, 100);
            index.Save();
            AddAll(index, vectors, 100, 200);
            Assert.Equal(1, index.Remove("id 150"));
            Assert.Equal(1, index.Remove("id 3"));
            Assert.Equal(0, index.Remove("id 3"));
            Assert.Equal(0, index.Remove("unknown"));
            index.Save();
            AddAll(index, vectors, 200, 300);
            Assert.Equal(1, index.Remove("id 299"));
            Assert.Equal(297, index.Count);
            AssertFinds(index, type, vectors, queries, [3, 150, 299]);
            index.Save();
            index.Save();
            AssertFinds(index, type, vectors, queries, [3, 150, 299]);
        }

        using (var index = VectorIndex.Open(path))
        {
            Assert.Equal((297, type), (index.Count, index.Type));
            Assert.Equal(Model(), index.Model);
            AssertFinds(index, type, vectors, queries, [3, 150, 299]);
            long before = new FileInfo(path).Length;
            index.Remove("id 7");
            index.Compact();
            Assert.True(new FileInfo(path).Length < before);
            Assert.Equal(296, index.Count);
            Assert.Equal(1, index.Remove("id 298"));
            index.Add("id 298", vectors.AsSpan(298 * Dimension, Dimension));
            index.Save();
            AssertFinds(index, type, vectors, queries, [3, 7, 150, 299]);
        }

        using var compacted = VectorIndex.Open(path);
        AssertFinds(compacted, type, vectors, queries, [3, 7, 150, 299]);
        var table = EmbeddingTable.Load(path, TestContext.Current.CancellationToken);
        Assert.Equal(296, table.Count);
        Assert.Equal("id 298", table.Rows[^1].Path);
    }

    /// <summary>Files of rows keep the number beside the vector, so it must be that of its place.</summary>
    [Fact]
    public void Rows_that_several_threads_add_have_numbers_of_their_own()
    {
        using var index = VectorIndex.Create(4);
        Parallel.For(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => index.Add($"{i}", [i + 1, 1, 2, 3]));
        for (int i = 0; i < 2; i++) // what two threads do that have counted at the same moment
            index.Add(new RowInfo { Row = 1000, Path = $"{1000 + i}" }, [i + 1, 1, 2, 3]);
        Assert.Equal(Enumerable.Range(0, 1002).Select(i => (i, (long)i)), index.Rows().Select(row => (row.Number, row.Row.Row)));
    }

    /// <summary>A segment is written before it is full, and two segments and their tail are searched as one.</summary>
    [Fact]
    public void Many_vectors_become_segments_on_the_way()
    {
        string path = _folder.Path("many.dinoidx");
        const int Wide = 3000;
        int segment = IndexAppender.RowsOf(Wide);
        float[] vectors = SearchTwin.Normal(400 * Wide, 5);
        using var index = VectorIndex.CreateFile(path, Wide);
        for (int row = 0; row < segment + 10; row++)
            index.Add($"{row}", vectors.AsSpan(row % 400 * Wide, Wide));
        Assert.True(new FileInfo(path).Length > segment * Wide * 4L);
        VectorHit[] hits = [.. index.Search(vectors.AsSpan(0, Wide), segment / 400 + 2)];
        Assert.All(hits, hit => Assert.Equal((0, $"{hit.Row}"), (hit.Row % 400, hit.Id)));
        using (var other = VectorIndex.Open(path))
            Assert.Equal(0, other.Count);
        index.Save();
        using (var other = VectorIndex.Open(path))
            Assert.Equal(hits, other.Search(vectors.AsSpan(0, Wide), hits.Length));
    }

    [Fact]
    public void An_append_that_was_killed_leaves_the_earlier_state()
    {
        string path = _folder.Path("a.dinoidx");
        float[] vectors = SearchTwin.Normal(60 * Dimension, 1);
        using (var index = VectorIndex.CreateFile(path, Dimension))
        {
            AddAll(index, vectors, 0, 20);
            index.Save();
        }

        byte[] before = File.ReadAllBytes(path);
        using (var index = VectorIndex.Open(path))
        {
            AddAll(index, vectors, 20, 60);
            index.Remove("id 1");
            index.Save();
        }

        // Whatever part of the new rows is there, as long as the commit is the old one.
        byte[] after = File.ReadAllBytes(path);
        for (int length = before.Length; length <= after.Length; length += 331)
        {
            byte[] killed = [.. before, .. after[before.Length..length]];
            AssertCount(killed, 20);
        }

        // A commit that is written half leaves the other.
        int newest = Enumerable.Range(0, before.Length).First(i => before[i] != after[i]) / 512 * 512;
        for (int at = 0; at < 64; at++)
        {
            byte[] torn = [.. after];
            torn[newest + at] ^= 0xFF;
            AssertCount(torn, 20);
        }

        AssertCount(after, 59);
        var failure = Assert.Throws<DinoException>(() => VectorIndex.Open(_folder.Write("short.dinoidx", after[..^1])));
        Assert.Contains("truncated", failure.Message);

        // What was left behind is written over.
        string resumed = _folder.Write("resumed.dinoidx", [.. before, .. after[before.Length..(before.Length + 1000)]]);
        using (var index = VectorIndex.Open(resumed))
        {
            AddAll(index, vectors, 20, 30);
            index.Save();
        }

        AssertCount(File.ReadAllBytes(resumed), 30);

        void AssertCount(byte[] bytes, int count)
        {
            string copy = _folder.Write("copy.dinoidx", bytes);
            using (var index = VectorIndex.Open(copy))
            {
                Assert.Equal(count, index.Count);
                Assert.Equal(count, index.Search(vectors.AsSpan(0, Dimension), 100).Count);
            }

            Assert.Equal(count, EmbeddingTable.Load(copy, TestContext.Current.CancellationToken).Count);
        }
    }

    /// <summary>Every byte counts, or is one of the few that no reader looks at.</summary>
    [Fact]
    public void A_changed_byte_is_noticed_or_changes_nothing()
    {
        string path = _folder.Path("a.dinoidx");
        float[] vectors = SearchTwin.Normal(6 * Dimension, 1);
        using (var index = VectorIndex.CreateFile(path, Dimension, FloatType.Float16, Model()))
        {
            AddAll(index, vectors, 0, 6);
            index.Remove("id 2");
            index.Save();
        }

        byte[] whole = File.ReadAllBytes(path);
        var expected = EmbeddingTable.Load(path, TestContext.Current.CancellationToken);
        int noticed = 0;
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] bytes = [.. whole];
            bytes[at] ^= 0x20;
            string copy = _folder.Write("copy.dinoidx", bytes);
            try
            {
                var table = EmbeddingTable.Load(copy, TestContext.Current.CancellationToken);
                Assert.Equal(expected.Values.ToArray(), table.Values.ToArray());
                Assert.Equal(expected.Rows.Select(row => row.Path), table.Rows.Select(row => row.Path));
            }
            catch (DinoException failure)
            {
                noticed++;
                Assert.DoesNotContain('\n', failure.Message);
                Assert.Contains("copy.dinoidx", failure.Message);
            }
        }

        Assert.True(noticed > 900, $"{noticed} of {whole.Length}");
    }

    [Fact]
    public void Two_writers_are_refused_and_readers_are_not()
    {
        string path = _folder.Path("a.dinoidx");
        float[] vector = SearchTwin.Normal(Dimension, 1);
        using var index = VectorIndex.CreateFile(path, Dimension);
        using var other = VectorIndex.Open(path);
        index.Add("a", vector);
        Assert.Contains(IndexSession.InUse, Assert.Throws<DinoException>(() => other.Add("b", vector)).Message);
        Assert.Contains(IndexSession.InUse, Assert.Throws<DinoException>(() => other.Remove("a")).Message);
        Assert.Empty(other.Search(vector, 1));
        index.Save();

        // What was read before another has written is not written over.
        Assert.Contains(IndexSession.Changed, Assert.Throws<DinoException>(() => other.Add("b", vector)).Message);
        using var again = VectorIndex.Open(path);
        Assert.Equal(1, again.Add("b", vector));
        again.Compact();
        Assert.Contains(IndexSession.Changed, Assert.Throws<DinoException>(() => index.Add("c", vector)).Message);
        Assert.Single(index.Search(vector, 5));
        Assert.Equal(["a", "b"], again.Search(vector, 5).Select(hit => hit.Id));
    }

    [Fact]
    public async Task Any_number_of_threads_search_while_others_change_it()
    {
        string path = _folder.Path("a.dinoidx");
        float[] vectors = SearchTwin.Normal(400 * Dimension, 1);
        using var index = VectorIndex.CreateFile(path, Dimension);
        AddAll(index, vectors, 0, 50);
        bool isDone = false;
        int searches = 0;
        Task[] readers =
        [
            .. Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
            {
                float[] query = SearchTwin.Normal(Dimension, 100 + thread);
                while (!Volatile.Read(ref isDone))
                {
                    IReadOnlyList<VectorHit> hits = index.Search(query, 20);
                    Interlocked.Increment(ref searches);
                    Assert.Equal(20, hits.Count);
                    Assert.Equal(hits.OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Row), hits);
                    Assert.All(hits, hit => Assert.Equal(
                        NearestNeighbors.Cosine(query, vectors.AsSpan(int.Parse(hit.Id[3..]) * Dimension, Dimension)), hit.Score));
                }
            })),
        ];
        for (int row = 50; row < 400; row++)
        {
            index.Add($"id {row}", vectors.AsSpan(row * Dimension, Dimension));
            if (row % 10 == 0)
                Assert.Equal(1, index.Remove($"id {row - 45}"));
            if (row % 50 == 0)
                index.Save();
            if (row % 130 == 0)
                index.Compact();
        }

        Volatile.Write(ref isDone, true);
        await Task.WhenAll(readers);
        Assert.Equal(365, index.Count);
        Assert.True(searches > 0);
    }

    [Fact]
    public void Vectors_of_another_model_are_refused()
    {
        using var index = VectorIndex.Create(Dimension, model: Model());
        float[] vector = SearchTwin.Normal(Dimension, 1);
        index.Add("same", vector, Model());
        index.Add("unknown", vector);
        var failure = Assert.Throws<DinoException>(() => index.Add("other", vector, Model() with { Output = "mean" }));
        Assert.Contains("were made differently", failure.Message);
        Assert.Equal(2, index.Count);
    }

    [Theory]
    [InlineData(".npz")]
    [InlineData(".dinoidx")]
    [InlineData(".parquet")]
    public void An_index_in_memory_is_saved_and_opened_in_every_format_with_paths(string extension)
    {
        float[] vectors = SearchTwin.Normal(50 * Dimension, 1);
        using var index = VectorIndex.Create(Dimension, model: Model());
        AddAll(index, vectors, 0, 50);
        index.Remove("id 10");
        Assert.Throws<InvalidOperationException>(index.Save);
        Assert.Throws<InvalidOperationException>(index.Compact);
        string path = _folder.Path("a" + extension);
        index.Save(path);
        using var opened = VectorIndex.Open(path, TestContext.Current.CancellationToken);
        Assert.Equal(49, opened.Count);
        Assert.Equal(Model(), opened.Model);
        AssertFinds(opened, FloatType.Float32, vectors, SearchTwin.Normal(5 * Dimension, 3), [10]);
        Assert.Equal(1, opened.Remove("id 11"));
        opened.Save(_folder.Path("b.npz"));
        AssertFinds(opened, FloatType.Float32, vectors, SearchTwin.Normal(5 * Dimension, 3), [10, 11]);
    }

    [Fact]
    public void Wrong_arguments_say_what_was_expected()
    {
        float[] vector = SearchTwin.Normal(Dimension, 1);
        using var index = VectorIndex.Create(Dimension, FloatType.Float16);
        Assert.Throws<ArgumentException>(() => index.Add("a", vector.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => index.Add("a", [.. vector[1..], float.NaN]));
        Assert.Contains("does not fit float16", Assert.Throws<DinoException>(() => index.Add("a", [.. vector[1..], 1e6f])).Message);
        Assert.Throws<ArgumentException>(() => index.Search(vector.AsSpan(1), 1));
        Assert.Throws<ArgumentException>(() => index.Search([.. vector[1..], float.NaN], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => index.Search(vector, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => VectorIndex.Create(0));
        Assert.Equal(0, index.Count);
        var failure = Assert.Throws<DinoException>(() => VectorIndex.CreateFile("a.npz", 3));
        Assert.Contains("expected a file that ends in .dinoidx", failure.Message);
        string path = _folder.Write("a.dinoidx", "not an index"u8.ToArray());
        Assert.Contains("it exists", Assert.Throws<DinoException>(() => VectorIndex.CreateFile(path, 3)).Message);
        Assert.Contains("not an index of dino", Assert.Throws<DinoException>(() => VectorIndex.Open(path)).Message);
        Assert.Contains("no such file", Assert.Throws<DinoException>(() => VectorIndex.Open(_folder.Path("b.dinoidx"))).Message);
        index.Dispose();
        Assert.Throws<ObjectDisposedException>(() => index.Add("a", vector));
        Assert.Throws<ObjectDisposedException>(() => index.Search(vector, 1));
    }

    /// <summary>
    /// They would be others, or equal to others, once they are read from a file. No attribute holds them either.
    /// </summary>
    [Fact]
    public void Ids_that_no_file_keeps_are_refused()
    {
        using var index = VectorIndex.Create(2);
        foreach (string id in (string[])["x\ud800", "\udc00x", "\ud800\ud800", "a\0"])
        {
            Assert.Equal("id", Assert.Throws<ArgumentException>(() => index.Add(id, [1, 2])).ParamName);
            Assert.Equal("id", Assert.Throws<ArgumentException>(() => index.Replace(id, [1, 2])).ParamName);
        }

        Assert.Equal(0, index.Count);
        Assert.Equal(0, index.Add("\ud83d\ude00\ufffd", [1, 2])); // a whole pair, and U+FFFD itself
    }

    [Fact]
    public void Exceptions_name_the_argument()
    {
        using var index = VectorIndex.Create(2);
        Assert.Equal("query", Assert.Throws<ArgumentException>(() => index.Search([1, float.NaN], 1)).ParamName);
        Assert.Equal("queries", Assert.Throws<ArgumentException>(() => index.SearchMany([1, float.NaN], 1)).ParamName);
        Assert.Equal("type", Assert.Throws<ArgumentOutOfRangeException>(() => VectorIndex.Create(2, (FloatType)2)).ParamName);
        foreach (int threads in (int[])[0, -5])
            Assert.Equal("value", Assert.Throws<ArgumentOutOfRangeException>(() => index.Threads = threads).ParamName);
        index.Threads = 1;
        index.Threads = null;
    }

    private static void AddAll(VectorIndex index, float[] vectors, int first, int end)
    {
        for (int row = first; row < end; row++)
            index.Add($"id {row}", vectors.AsSpan(row * Dimension, Dimension));
    }

    /// <summary>Every id and every bit of every score, against a double-precision sort of the stored values.</summary>
    private static void AssertFinds(VectorIndex index, FloatType type, float[] vectors, float[] queries, int[] removed)
    {
        int[] kept = [.. Enumerable.Range(0, vectors.Length / Dimension).Except(removed)];
        float[] stored =
        [
            .. kept.SelectMany(row => vectors[(row * Dimension)..((row + 1) * Dimension)])
                .Select(value => type == FloatType.Float16 ? (float)(Half)value : value),
        ];
        foreach (int k in new[] { 1, 10, 1000 })
        {
            (int[] indices, double[] scores) = SearchTwin.Search(stored, queries, Dimension, k, Similarity.Cosine);
            IReadOnlyList<VectorHit[]> found = index.SearchMany(queries, k);
            Assert.Equal(indices.Select(place => $"id {kept[place]}"), found.SelectMany(hits => hits).Select(hit => hit.Id));
            Assert.Equal(scores, found.SelectMany(hits => hits).Select(hit => hit.Score));
        }
    }

    private static Provenance Model() => SampleProvenance.Of(Dimension);
}
