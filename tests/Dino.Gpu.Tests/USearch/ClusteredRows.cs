using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Search;

namespace Dino.Gpu.Tests.USearch;

/// <summary>Seeded vectors in clusters, as embeddings lie, some of them equal; and indexes of them.</summary>
internal static class ClusteredRows
{
    public const int Dimension = 32;

    private const int Clusters = 40;

    /// <summary>(count, <see cref="Dimension"/>). Every fifth is equal to the one before it, of another length.</summary>
    public static float[] Vectors(int count, int seed)
    {
        float[] centers = SearchTwin.Normal(Clusters * Dimension, 1);
        float[] vectors = SearchTwin.Normal(count * Dimension, seed);
        for (int row = 0; row < count; row++)
        {
            Span<float> vector = vectors.AsSpan(row * Dimension, Dimension);
            ReadOnlySpan<float> center = centers.AsSpan(row * 7 % Clusters * Dimension, Dimension);
            for (int i = 0; i < Dimension; i++)
                vector[i] = center[i] + vector[i] / 3;
            if (row % 5 == 4)
            {
                for (int i = 0; i < Dimension; i++)
                    vector[i] = 4 * vectors[(row - 1) * Dimension + i];
            }
        }

        return vectors;
    }

    /// <summary>An index in memory.</summary>
    public static VectorIndex Index(float[] vectors, FloatType type = FloatType.Float32, Provenance? model = null)
    {
        var index = VectorIndex.Create(Dimension, type, model);
        Add(index, vectors);
        return index;
    }

    /// <summary>An index in a file, in two segments.</summary>
    public static VectorIndex File(string path, float[] vectors)
    {
        var index = VectorIndex.CreateFile(path, Dimension);
        int half = vectors.Length / Dimension / 2 * Dimension;
        Add(index, vectors[..half]);
        index.Save();
        Add(index, vectors[half..], first: half / Dimension);
        index.Save();
        return index;
    }

    /// <summary>Adds vectors as "id 0", "id 1" and so on.</summary>
    public static void Add(VectorIndex index, float[] vectors, string prefix = "id", int first = 0)
    {
        for (int start = 0; start < vectors.Length; start += Dimension)
            index.Add($"{prefix} {first + start / Dimension}", vectors.AsSpan(start, Dimension));
    }

    /// <summary>How many of the nearest were found, of all.</summary>
    public static double Recall(IReadOnlyList<VectorHit[]> exact, IReadOnlyList<VectorHit[]> found)
    {
        int right = exact.Zip(found, (one, other) => one.Select(hit => hit.Row).Intersect(other.Select(hit => hit.Row)).Count()).Sum();
        return right / (double)exact.Sum(hits => hits.Length);
    }

    /// <summary>Every hit has the bits of the exact score, and their order is that of the exact search.</summary>
    public static void AssertExactOrder(VectorIndex index, float[] queries, IReadOnlyList<VectorHit[]> found)
    {
        IReadOnlyList<VectorHit[]> all = index.SearchMany(queries, index.Count);
        for (int query = 0; query < found.Count; query++)
        {
            HashSet<int> rows = [.. found[query].Select(hit => hit.Row)];
            Assert.Equal(found[query].Length, rows.Count);
            Assert.Equal(all[query].Where(hit => rows.Contains(hit.Row)), found[query]);
        }
    }
}
