using Dino.Gpu.Classification;
using Dino.Gpu.Devices;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Search;

/// <summary>One object for many threads: every result is that of a search alone.</summary>
[Collection(PortableCollection.Name)]
public sealed class ConcurrentSearchTests
{
    private const int Threads = 32;
    private const int Dimension = 24;
    private const int Count = 700;

    private static readonly float[] Vectors = SearchTwin.Normal(Count * Dimension, 1);

    [Theory]
    [InlineData(TestDevice.OpenCL, 20)]
    [InlineData(null, 100)]
    public void Searches_of_many_threads_do_not_mix(TestDevice? kind, int searches)
    {
        using DinoDevice device = kind is { } other ? TestDevices.OpenOwn(other) : DinoDevice.Open("cpu", 2);
        using NearestNeighbors search = Create(device);

        // Batches of one to three queries, and different k, so that the lists of two threads differ in their places.
        float[] queries = SearchTwin.Normal(60 * Dimension, 2);
        (int First, int Queries, int K)[] calls = [.. Enumerable.Range(0, 20).Select(i => (3 * i, 1 + i % 3, 1 + 7 * i))];
        var expected = calls.Select(call => SearchTwin.Search(Vectors, Part(call), Dimension, call.K, Similarity.Cosine)).ToArray();
        TestThreads.Run(Threads, thread =>
        {
            for (int i = 0; i < searches; i++)
            {
                int call = (thread + i) % calls.Length;
                SearchTwin.AssertEqual($"thread {thread}, call {call}", expected[call], search.Search(Part(calls[call]), calls[call].K));
            }
        });

        float[] Part((int First, int Queries, int K) call) => queries[(call.First * Dimension)..((call.First + call.Queries) * Dimension)];
    }

    [Fact]
    public void Groups_and_searches_go_side_by_side()
    {
        using DinoDevice device = DinoDevice.Open("cpu", 2);
        using NearestNeighbors search = Create(device);
        IReadOnlyList<int[]> groups = search.Groups(0.6);
        Assert.InRange(groups.Count, 2, Count);
        var expected = SearchTwin.Search(Vectors, Vectors[..Dimension], Dimension, 9, Similarity.Cosine);
        TestThreads.Run(Threads, thread =>
        {
            for (int i = 0; i < 20; i++)
            {
                if (thread % 2 == 0)
                    Assert.Equal(groups, search.Groups(0.6));
                else
                    SearchTwin.AssertEqual($"thread {thread}", expected, search.Search(Vectors.AsSpan(0, Dimension), 9));
            }
        });
    }

    [Fact]
    public void A_classifier_serves_many_threads()
    {
        int[] labels = [.. Enumerable.Range(0, Count).Select(i => i % 3)];
        var train = new LabeledVectors(Vectors, Dimension, labels, ["a", "b", "c"]);
        using var classifier = KnnClassifier.Create(train, new KnnOptions { Device = "cpu", Threads = 2 });
        float[] queries = SearchTwin.Normal(32 * Dimension, 3);
        Predictions expected = classifier.Classify(queries, 11);
        TestThreads.Run(Threads, thread =>
        {
            for (int i = 0; i < 100; i++)
            {
                int query = (thread + i) % 32;
                Predictions one = classifier.Classify(queries.AsMemory(query * Dimension, Dimension), 11);
                Assert.Equal(expected.Classes(query), one.Classes(0));
                Assert.Equal(expected.Scores(query), one.Scores(0));
            }
        });
    }

    /// <summary>Searches under way end well; those that come later say that it is too late.</summary>
    [Fact]
    public async Task Disposing_waits_for_the_searches_under_way()
    {
        using DinoDevice device = DinoDevice.Open("cpu", 2);
        NearestNeighbors search = Create(device);
        var expected = SearchTwin.Search(Vectors, Vectors[..Dimension], Dimension, 9, Similarity.Cosine);
        using var begun = new CountdownEvent(Threads);
        Task disposal = Task.Run(() =>
        {
            begun.Wait();
            search.Dispose();
        });
        TestThreads.Run(Threads, thread =>
        {
            begun.Signal();
            Assert.Throws<ObjectDisposedException>((Action)(() =>
            {
                while (true)
                    SearchTwin.AssertEqual($"thread {thread}", expected, search.Search(Vectors.AsSpan(0, Dimension), 9));
            }));
        });
        await disposal;
        search.Dispose();
        Assert.Throws<ObjectDisposedException>(() => search.Search(Vectors.AsSpan(0, Dimension), 9));
    }

    private static NearestNeighbors Create(DinoDevice device) =>
        NearestNeighbors.Create(device, ownsDevice: false, Vectors, Dimension, new NearestNeighborsOptions { Threads = 2 });
}
