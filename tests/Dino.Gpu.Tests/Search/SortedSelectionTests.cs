using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Search;

/// <summary>
/// The sort of ILGPU.Algorithms, as the selection of long lists and as an oracle of the top-k kernel. PoCL 3.1 does not
/// compile it, and the top-k kernel makes long lists there.
/// </summary>
[Collection(PortableCollection.Name)]
public sealed class SortedSelectionTests
{
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Scores_are_selected_highest_first(TestDevice kind)
    {
        using DinoDevice device = TestDevices.OpenOwn(kind, algorithms: true);
        using SortedSelection selection = Require(kind, device);
        foreach (int count in new[] { 1, 7, 1000, 4097 })
        {
            // Of both signs, zeros of both too, and some of them many times.
            float[] scores = SearchTwin.Normal(count, count);
            for (int i = 0; i < count; i += 5)
                scores[i] = (i % 3 - 1) * 0.25f;
            using MemoryBuffer1D<float, Stride1D.Dense> buffer = device.Accelerator.Allocate1D(scores);
            int keep = (count + 1) / 2;
            float[] best = new float[keep];
            int[] indices = new int[keep];
            selection.Select(buffer.View, best, indices);
            Assert.Equal(scores.OrderDescending().Take(keep), best);
            Assert.Equal(best, indices.Select(index => scores[index]));
            Assert.Equal(keep, indices.Distinct().Count());
            Assert.Equal(scores, buffer.GetAsArray1D());
        }
    }

    /// <summary>Lists longer than the top-k kernel makes in one pass, with and without the sort.</summary>
    [Theory]
    [InlineData(TestDevice.IlgpuCpu, true)]
    [InlineData(TestDevice.OpenCL, true)]
    [InlineData(TestDevice.OpenCL, false)]
    [InlineData(TestDevice.Cuda, true)]
    [InlineData(TestDevice.Cuda, false)]
    public void Long_lists_equal_a_sort(TestDevice kind, bool algorithms)
    {
        const int Count = 5200;
        const int Dimension = 3;
        float[] vectors = SearchTwin.Normal(Count * Dimension, 1);
        float[] queries = SearchTwin.Normal(2 * Dimension, 2);
        using DinoDevice device = TestDevices.OpenOwn(kind, algorithms);
        using NearestNeighbors search = NearestNeighbors.Create(device, false, vectors, Dimension, new NearestNeighborsOptions());
        foreach (int k in new[] { 10, PortableCandidates.LongestList + 1, Count })
            SearchTwin.AssertEqual(
                $"k {k}", SearchTwin.Search(vectors, queries, Dimension, k, Similarity.Cosine), search.Search(queries, k));

        double[] squares = [.. Enumerable.Range(0, Count).Select(row => ExactScore.Square(vectors.AsSpan(row * Dimension, Dimension)))];
        var distinct = DistinctVectors.Find(vectors, Dimension, squares, Similarity.Cosine, new ParallelOptions());
        using var candidates = new PortableCandidates(device, distinct);
        if (kind != TestDevice.OpenCL)
            Assert.Equal(algorithms, candidates.Sorts);
    }

    /// <summary>Where the package's kernels do not compile, there is no sort, and no exception.</summary>
    [Theory]
    [InlineData(TestDevice.OpenCL)]
    [InlineData(TestDevice.Cuda)]
    public void Without_algorithms_there_is_no_sort(TestDevice kind)
    {
        using DinoDevice device = TestDevices.OpenOwn(kind);
        Assert.Null(SortedSelection.TryCreate(device.Accelerator));
    }

    /// <summary>The top-k kernel and the sort agree on the scores of a list, whatever its length.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void The_top_k_kernel_selects_what_a_sort_does(TestDevice kind)
    {
        using DinoDevice device = TestDevices.OpenOwn(kind, algorithms: true);
        using SortedSelection selection = Require(kind, device);
        Accelerator accelerator = device.Accelerator;
        var topK = accelerator.LoadStreamKernel<
            ArrayView<float>, ArrayView<int>, ArrayView<float>, TopKLists, TopKShape, TopKLists>(TopK.Kernel<Rows4x4>);
        foreach ((int count, int keep) in new[] { (1, 1), (30, 7), (500, 64), (500, 500) })
        {
            float[] scores = SearchTwin.Normal(count, keep);
            using MemoryBuffer1D<float, Stride1D.Dense> buffer = accelerator.Allocate1D(scores);
            float[] expected = new float[keep];
            selection.Select(buffer.View, expected, new int[keep]);

            using MemoryBuffer1D<int, Stride1D.Dense> scratch = accelerator.Allocate1D<int>(count);
            using MemoryBuffer1D<float, Stride1D.Dense> thresholds = accelerator.Allocate1D([float.NegativeInfinity]);
            using var empty = new OneList(accelerator, keep);
            using var best = new OneList(accelerator, keep);
            var group = new Index3D(Rows4x4.Threads, Rows4x4.Rows, 1);
            topK(
                new KernelConfig(new Index3D(1, 1, 1), group), buffer.View, scratch.View, thresholds.View, empty.Lists,
                new TopKShape(1, 0, count, keep), best.Lists);
            Assert.Equal(keep, best.Counts.GetAsArray1D()[0]);
            Assert.Equal(expected, best.Scores.GetAsArray1D().OrderDescending());
            Assert.Equal(best.Scores.GetAsArray1D(), best.Indices.GetAsArray1D().Select(index => scores[index]));
        }
    }

    private static SortedSelection Require(TestDevice kind, DinoDevice device)
    {
        SortedSelection? selection = SortedSelection.TryCreate(device.Accelerator);
        Assert.SkipWhen(
            selection is null && kind == TestDevice.OpenCL, $"{device.Info.Driver} does not compile the sort of ILGPU.Algorithms");
        Assert.NotNull(selection);
        return selection;
    }

    private sealed class OneList : IDisposable
    {
        public OneList(Accelerator accelerator, int keep)
        {
            Scores = accelerator.Allocate1D<float>(keep);
            Indices = accelerator.Allocate1D<int>(keep);
            Counts = accelerator.Allocate1D([0]);
        }

        public MemoryBuffer1D<float, Stride1D.Dense> Scores { get; }

        public MemoryBuffer1D<int, Stride1D.Dense> Indices { get; }

        public MemoryBuffer1D<int, Stride1D.Dense> Counts { get; }

        public TopKLists Lists => new(Scores.View, Indices.View, Counts.View);

        public void Dispose()
        {
            Scores.Dispose();
            Indices.Dispose();
            Counts.Dispose();
        }
    }
}
