using System.Globalization;
using Dino.Gpu.Cli.Embedding;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Cli;

/// <summary>The reading ahead, with a model that returns the first pixel.</summary>
public sealed class EmbeddingPipelineTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 4)]
    [InlineData(64, 8)]
    public async Task Rows_leave_in_input_order_whatever_finishes_first(int batch, int workers)
    {
        var random = new Random(1);
        int[] delays = [.. Enumerable.Range(0, 50).Select(_ => random.Next(5))];
        var sink = new Recorder();
        var pipeline = new EmbeddingPipeline(
            path =>
            {
                Thread.Sleep(delays[Index(path)]);
                return Index(path) % 7 == 3 ? throw new DinoException("broken") : Pixel(Index(path));
            },
            FirstPixels,
            batch,
            workers);

        await pipeline.RunAsync(Names(50), sink, CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 50).Select(i => i % 7 == 3 ? $"{i}: broken" : $"{i}: {i}"), sink.Rows);
        Assert.Equal((50 + batch - 1) / batch, sink.Batches);
    }

    [Fact]
    public async Task What_waits_in_memory_does_not_grow_with_the_number_of_inputs()
    {
        const int batch = 4;
        const int workers = 3;
        int prepared = 0, consumed = 0, most = 0;
        var pipeline = new EmbeddingPipeline(
            path =>
            {
                int waiting = Interlocked.Increment(ref prepared) - Volatile.Read(ref consumed);
                InterlockedMax(ref most, waiting);
                return Pixel(Index(path));
            },
            images =>
            {
                Thread.Sleep(1); // a model slower than its decoders
                DinoOutput output = FirstPixels(images);
                Interlocked.Add(ref consumed, images.Count);
                return output;
            },
            batch,
            workers);

        await pipeline.RunAsync(Names(2000), new Recorder(), CancellationToken.None);

        // The queue, the item on its way into it, the batch in the model, and files in the decoders.
        Assert.InRange(most, 1, 2 * batch + 1 + batch + workers);
    }

    [Fact]
    public async Task No_more_files_are_decoded_at_once_than_there_are_workers()
    {
        int running = 0, most = 0;
        var pipeline = new EmbeddingPipeline(
            path =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                Thread.Sleep(2);
                Interlocked.Decrement(ref running);
                return Pixel(0);
            },
            FirstPixels,
            batchSize: 16,
            workers: 2);
        await pipeline.RunAsync(Names(60), new Recorder(), CancellationToken.None);
        Assert.InRange(most, 1, 2);
    }

    [Fact]
    public async Task Next_batch_is_read_while_one_is_in_the_model()
    {
        using var secondBatchRead = new CountdownEvent(4);
        bool overlapped = false;
        var pipeline = new EmbeddingPipeline(
            path =>
            {
                if (Index(path) is >= 4 and < 8)
                    secondBatchRead.Signal();
                return Pixel(Index(path));
            },
            images =>
            {
                if (images[0].Pixels[0] == 0)
                    overlapped = secondBatchRead.Wait(TimeSpan.FromSeconds(20));
                return FirstPixels(images);
            },
            batchSize: 4,
            workers: 2);
        await pipeline.RunAsync(Names(8), new Recorder(), CancellationToken.None);
        Assert.True(overlapped);
    }

    [Fact]
    public async Task Cancelling_does_not_wait_for_the_batch_in_the_model()
    {
        using var cancellation = new CancellationTokenSource();
        using var never = new ManualResetEventSlim();
        var pipeline = new EmbeddingPipeline(
            path => Pixel(0),
            images =>
            {
                cancellation.Cancel();
                never.Wait(TimeSpan.FromSeconds(30));
                return FirstPixels(images);
            },
            batchSize: 2,
            workers: 2);

        Task run = pipeline.RunAsync(Names(100_000), new Recorder(), cancellation.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(TimeSpan.FromSeconds(20)));
        never.Set();
    }

    [Fact]
    public async Task A_failing_model_ends_the_run()
    {
        var pipeline = new EmbeddingPipeline(path => Pixel(0), _ => throw new DinoException("out of memory"), batchSize: 2, workers: 2);
        DinoException failure = await Assert.ThrowsAsync<DinoException>(() => pipeline.RunAsync(Names(100), new Recorder(), CancellationToken.None));
        Assert.Equal("out of memory", failure.Message);
    }

    private static IEnumerable<string> Names(int count) => Enumerable.Range(0, count).Select(i => i.ToString(CultureInfo.InvariantCulture));

    private static int Index(string path) => int.Parse(path, CultureInfo.InvariantCulture);

    private static RgbImage Pixel(int value) => new(1, 1, [(byte)value, 0, 0]);

    private static DinoOutput FirstPixels(IReadOnlyList<RgbImage> images) =>
        new() { ClassToken = new DinoTensor([.. images.Select(image => (float)image.Pixels[0])], images.Count, 1) };

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }

    private sealed class Recorder : IEmbeddingSink
    {
        public List<string> Rows { get; } = [];

        public int Batches { get; private set; }

        public void Embedded(string path, DinoOutput output, int image) => Rows.Add($"{path}: {output.ClassToken!.Data[image]}");

        public void Failed(string path, string reason) => Rows.Add($"{path}: {reason}");

        public void BatchEnded() => Batches++;
    }
}
