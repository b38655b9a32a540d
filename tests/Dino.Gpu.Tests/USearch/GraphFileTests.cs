using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.USearch;

namespace Dino.Gpu.Tests.USearch;

/// <summary>Graphs that are damaged, that belong to other vectors, or that no library of this machine reads.</summary>
public sealed class GraphFileTests : IDisposable
{
    private const int Dimension = ClusteredRows.Dimension;

    private readonly TemporaryFolder _folder = new();
    private readonly float[] _vectors = ClusteredRows.Vectors(300, 1);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_graph_of_other_vectors_is_refused()
    {
        string saved = Saved(Model("synthetic:0x1"));
        string copy = _folder.Path("copy.dinoidx");
        Refused("its 300 vectors are not the first", ClusteredRows.Index(ClusteredRows.Vectors(300, 2)));
        Refused("its 300 vectors are not the first", ClusteredRows.Index([.. _vectors[Dimension..], .. _vectors[..Dimension]]));
        Refused("its 300 vectors are not the first", ClusteredRows.Index(_vectors, FloatType.Float16));
        Refused("built from 300 rows, the index has 299", ClusteredRows.Index(_vectors[..^Dimension]));
        Refused("vectors of 32 values, the index has 16", VectorIndex.Create(16));
        Refused("made differently: weights", ClusteredRows.Index(_vectors, FloatType.Float32, Model("synthetic:0x2")));
        using (VectorIndex file = ClusteredRows.File(copy, _vectors))
        {
            using (ApproximateIndex.Open(saved, file))
                file.Remove("id 7");
            file.Compact();
        }

        Refused("built from 300 rows, the index has 299", VectorIndex.Open(copy));

        void Refused(string why, VectorIndex other)
        {
            using (other)
            {
                DinoException failure = Assert.Throws<DinoException>(() => ApproximateIndex.Open(saved, other));
                Assert.Contains($"a.usearch {ApproximateIndex.Stale} ", failure.Message);
                Assert.Contains(why, failure.Message);
                Assert.Equal("build it again, with ApproximateIndex.Build", failure.Hint);
            }
        }
    }

    [Fact]
    public void An_index_that_is_compacted_loses_its_graph()
    {
        using VectorIndex index = ClusteredRows.File(_folder.Path("a.dinoidx"), _vectors);
        using var approximate = ApproximateIndex.Build(index);
        index.Remove("id 3");
        index.Save();
        Assert.Equal(10, approximate.Search(_vectors.AsSpan(0, Dimension), 10, 20).Count);
        index.Compact();
        DinoException failure = Assert.Throws<DinoException>(() => approximate.Search(_vectors.AsSpan(0, Dimension), 10));
        Assert.Contains($"the graph {ApproximateIndex.Stale} ", failure.Message);
        Assert.Contains("it was compacted since", failure.Message);
        Assert.NotNull(failure.Hint);
    }

    /// <summary>Every byte of the end, and many others: nothing reaches USearch that was not written so.</summary>
    [Fact]
    public void Damage_is_one_line()
    {
        byte[] bytes = File.ReadAllBytes(Saved(Model("synthetic:0x1")));
        using VectorIndex index = ClusteredRows.Index(_vectors);
        using (ApproximateIndex.Open(_folder.Write("b.usearch", bytes), index))
        {
        }

        int[] places = [.. Enumerable.Range(0, bytes.Length).Where(i => i % 997 == 0 || i >= bytes.Length - 600)];
        foreach (int place in places)
        {
            byte[] damaged = [.. bytes];
            damaged[place] ^= 0x11;
            Refused(damaged);
        }

        foreach (int length in new[] { 0, 1, 27, 28, 100, bytes.Length / 2, bytes.Length - 1 })
            Refused(bytes[..length]);
        Refused([.. bytes, 0]);
        Refused([.. bytes[1000..]]);
        DinoException missing = Assert.Throws<DinoException>(() => ApproximateIndex.Open(_folder.Path("c.usearch"), index));
        Assert.Contains("no such file", missing.Message);

        void Refused(byte[] damaged)
        {
            DinoException failure = Assert.Throws<DinoException>(() => ApproximateIndex.Open(_folder.Write("b.usearch", damaged), index));
            Assert.StartsWith($"cannot read {_folder.Path("b.usearch")}: ", failure.Message);
            Assert.Matches("damaged|truncated", failure.Message);
            Assert.DoesNotContain('\n', failure.Message);
        }
    }

    [Fact]
    public void A_full_disk_is_one_line_and_leaves_the_old_file()
    {
        using VectorIndex index = ClusteredRows.Index(_vectors);
        using var approximate = ApproximateIndex.Build(index);
        Assert.Contains("cannot write", Assert.Throws<DinoException>(() => approximate.Save(_folder.Path("no", "a.usearch"))).Message);
        string old = _folder.Write("a.usearch", "old");
        approximate.Dispose();
        Assert.Throws<ObjectDisposedException>(() => approximate.Save(old));
        Assert.Equal("old", File.ReadAllText(old));
        Assert.Single(_folder.Files);
    }

    [Fact]
    public void A_machine_without_the_library_is_one_line()
    {
        DinoException failure = Assert.Throws<DinoException>(() => Graph.Native<int>(() => throw new DllNotFoundException("many\nlines")));
        Assert.Contains("the native library of USearch cannot be loaded", failure.Message);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.Contains("VectorIndex", failure.Hint);
    }

    private string Saved(Provenance model)
    {
        string path = _folder.Path("a.usearch");
        using VectorIndex index = ClusteredRows.Index(_vectors, FloatType.Float32, model);
        using var approximate = ApproximateIndex.Build(index);
        approximate.Save(path);
        return path;
    }

    private static Provenance Model(string weights) => SampleProvenance.Of(Dimension, weights);
}
