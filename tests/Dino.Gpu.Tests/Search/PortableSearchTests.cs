using Dino.Gpu.Devices;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Search;

/// <summary>Search with the portable kernels against a double-precision sort, on every accelerator present.</summary>
[Collection(PortableCollection.Name)]
public sealed class PortableSearchTests(TestDevices devices)
{
    /// <summary>
    /// Vectors, dimension, queries, and numbers of neighbors; from 4096 vectors on there is more than one chunk.
    /// </summary>
    public static TheoryData<TestDevice, int, int, int, int> Shapes => new()
    {
        { TestDevice.IlgpuCpu, 1, 1, 1, 3 },
        { TestDevice.IlgpuCpu, 37, 6, 2, 5 },
        { TestDevice.OpenCL, 1, 1, 1, 1 },
        { TestDevice.OpenCL, 7, 5, 3, 10 },
        { TestDevice.OpenCL, 130, 384, 130, 7 },
        { TestDevice.OpenCL, 1000, 33, 9, 200 },
        { TestDevice.OpenCL, 9000, 48, 40, 1 },
        { TestDevice.OpenCL, 20_000, 30, 17, 200 },
        { TestDevice.OpenCL, 100_000, 16, 8, 10 },
        { TestDevice.Cuda, 1000, 33, 9, 200 },
        { TestDevice.Cuda, 9000, 48, 40, 1 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Search_equals_a_sort(TestDevice device, int count, int dimension, int queryCount, int k) =>
        CheckSort(devices.Open(device), count, dimension, queryCount, k);

    internal static void CheckSort(DinoDevice device, int count, int dimension, int queryCount, int k)
    {
        float[] vectors = SearchTwin.Normal(count * dimension, 1);
        float[] queries = SearchTwin.Normal(queryCount * dimension, 2);
        foreach (Similarity similarity in Enum.GetValues<Similarity>())
        {
            using NearestNeighbors search = Create(device, vectors, dimension, similarity);
            SearchTwin.AssertEqual(
                $"{similarity}", SearchTwin.Search(vectors, queries, dimension, k, similarity), search.Search(queries, k));
        }
    }

    /// <summary>
    /// Copies, zeros, and one vector in many lengths: more equal scores than a list keeps, so queries are searched
    /// again.
    /// </summary>
    [Theory]
    [InlineData(TestDevice.IlgpuCpu, 60)]
    [InlineData(TestDevice.OpenCL, 10_000)]
    [InlineData(TestDevice.Cuda, 10_000)]
    public void Ties_are_in_the_order_of_their_indices(TestDevice device, int count)
    {
        const int Dimension = 7;
        float[] vectors = SearchTwin.Normal(count * Dimension, 1);
        for (int row = 0; row < count; row++)
        {
            Span<float> target = vectors.AsSpan(row * Dimension, Dimension);
            if (row % 5 == 1)
                target.Clear();
            for (int i = 0; i < Dimension && row % 5 >= 2; i++)
                target[i] = (i + 1) * (row % 5 == 2 ? 1f : row);
        }

        float[] queries = [.. vectors.AsSpan(2 * Dimension, Dimension), .. new float[Dimension], .. SearchTwin.Normal(Dimension, 2)];
        using NearestNeighbors search = Create(devices.Open(device), vectors, Dimension, Similarity.Cosine);
        foreach (int k in new[] { 1, 20, count })
            SearchTwin.AssertEqual(
                $"k {k}", SearchTwin.Search(vectors, queries, Dimension, k, Similarity.Cosine), search.Search(queries, k));
    }

    private static NearestNeighbors Create(DinoDevice device, float[] vectors, int dimension, Similarity similarity) =>
        NearestNeighbors.Create(
            device, ownsDevice: false, vectors, dimension, new NearestNeighborsOptions { Similarity = similarity });
}
