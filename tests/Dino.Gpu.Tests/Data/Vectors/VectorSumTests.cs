using System.IO.Hashing;
using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Vectors;

/// <summary>The sum of the first vectors of an index.</summary>
public sealed class VectorSumTests
{
    private const int Dimension = 24;
    private const int Count = 700;

    /// <summary>In memory, in a file, in many segments, and partly in both.</summary>
    [Theory]
    [InlineData(FloatType.Float32)]
    [InlineData(FloatType.Float16)]
    public void It_does_not_depend_on_segments(FloatType type)
    {
        using var folder = new TemporaryFolder();
        float[] vectors = SearchTwin.Normal(Count * Dimension, 1);
        using var memory = VectorIndex.Create(Dimension, type);
        using var file = VectorIndex.CreateFile(folder.Path("a.dinoidx"), Dimension, type);
        for (int row = 0; row < Count; row++)
        {
            memory.Add($"{row}", vectors.AsSpan(row * Dimension, Dimension));
            file.Add($"{row}", vectors.AsSpan(row * Dimension, Dimension));
            if (row is 100 or 101 or 500)
                file.Save();
        }

        memory.Save(folder.Path("b.dinoidx"));
        using var copy = VectorIndex.Open(folder.Path("b.dinoidx"));
        foreach (int rows in new[] { 0, 1, 101, 102, 256, 501, 513, Count })
        {
            float[] first = vectors[..(rows * Dimension)];
            uint expected = Crc32.HashToUInt32(type == FloatType.Float32
                ? MemoryMarshal.AsBytes<float>(first)
                : MemoryMarshal.AsBytes<Half>(Array.ConvertAll(first, value => (Half)value)));
            foreach (VectorIndex index in new[] { memory, file, copy })
                Assert.Equal(expected, VectorSum.Of(index.Now, rows, Dimension, type));
        }
    }

    /// <summary>A part of a file, of memory, and of both.</summary>
    [Fact]
    public void A_scan_from_a_row_on_finds_what_a_scan_of_all_finds_there()
    {
        using var folder = new TemporaryFolder();
        float[] vectors = SearchTwin.Normal(200 * Dimension, 1);
        float[] queries = [.. SearchTwin.Normal(3 * Dimension, 2), .. new float[Dimension]];
        using var file = VectorIndex.CreateFile(folder.Path("a.dinoidx"), Dimension);
        for (int row = 0; row < 200; row++)
        {
            file.Add($"{row}", vectors.AsSpan(row * Dimension, Dimension));
            if (row is 50 or 120)
                file.Save();
        }

        file.Remove("150");
        IReadOnlyList<VectorHit[]> all = file.SearchMany(queries, 199);
        foreach (int first in new[] { 0, 1, 51, 90, 121, 150, 199 })
        {
            int live = 200 - first - (first <= 150 ? 1 : 0);
            var found = file.Now.ScanFrom(first, Dimension).Search(queries, live, 2, TestContext.Current.CancellationToken);
            for (int query = 0; query < 4; query++)
                Assert.Equal(all[query].Where(hit => hit.Row >= first).Select(hit => hit.Row), found.Indices(query).ToArray());
        }
    }
}
