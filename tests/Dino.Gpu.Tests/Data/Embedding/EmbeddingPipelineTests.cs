using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Imaging;


namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>The overlap of decoding, model and rows, with a model that returns the first pixel.</summary>
public sealed partial class EmbeddingPipelineTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 4, 1)]
    [InlineData(3, 4, 3)]
    [InlineData(64, 8, 2)]
    public async Task Rows_leave_in_input_order_whatever_finishes_first(int batch, int workers, int inFlight)
    {
        var random = new Random(1);
        int[] delays = [.. Enumerable.Range(0, 50).Select(_ => random.Next(5))];
        var sink = new Recorder();
        EmbeddingPipeline pipeline = Pipeline(
            i =>
            {
                Thread.Sleep(delays[i]);
                return i % 7 == 3 ? throw new DinoException("broken") : Pixel(i);
            },
            FirstPixels,
            new PipelineOptions(batch, workers) { InFlight = inFlight });

        Assert.True(await pipeline.RunAsync(Items(50), sink, CancellationToken.None, CancellationToken.None));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => i % 7 == 3 ? $"{i}: broken" : $"{i}: {i}"), sink.Rows);
    }

    /// <summary>
    /// A row that is NaN because of the machine would be wrong for ever: the run ends, and can resume.
    /// </summary>
    [Fact]
    public async Task Want_of_memory_is_not_the_picture_s_fault()
    {
        var sink = new Recorder();
        EmbeddingPipeline pipeline = Pipeline(
            i => i == 20 ? throw new OutOfMemoryException() : Pixel(i), FirstPixels, new PipelineOptions(4, 2));
        DinoException failure = await Assert.ThrowsAsync<DinoException>(
            () => pipeline.RunAsync(Items(50), sink, CancellationToken.None).WaitAsync(Long));
        Assert.Contains("not enough memory to decode it", failure.Message);
        Assert.DoesNotContain(sink.Rows, row => row.StartsWith("20:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_input_is_no_row()
    {
        var sink = new Recorder();
        await Pipeline(Pixel, FirstPixels, new PipelineOptions(4, 2)).RunAsync([], sink, CancellationToken.None).WaitAsync(Long);
        Assert.Empty(sink.Rows);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task What_waits_in_memory_does_not_grow_with_the_number_of_inputs(int inFlight)
    {
        const int batch = 4;
        const int workers = 3;
        int loaded = 0, out_ = 0, most = 0;
        var sink = new Recorder { OnRow = () => Interlocked.Increment(ref out_) };
        EmbeddingPipeline pipeline = Pipeline(
            i =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref loaded) - Volatile.Read(ref out_));
                return Pixel(i);
            },
            images =>
            {
                Thread.Sleep(1); // a model slower than its decoders
                return FirstPixels(images);
            },
            new PipelineOptions(batch, workers) { InFlight = inFlight });

        await pipeline.RunAsync(Items(2000), sink, CancellationToken.None);
        Assert.InRange(most, 1, (inFlight + 1) * batch + workers + 1);
    }

    [Fact]
    public async Task No_more_files_are_decoded_at_once_than_there_are_workers()
    {
        int running = 0, most = 0;
        EmbeddingPipeline pipeline = Pipeline(
            i =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                Thread.Sleep(2);
                Interlocked.Decrement(ref running);
                return Pixel(0);
            },
            FirstPixels,
            new PipelineOptions(16, 2));
        await pipeline.RunAsync(Items(60), new Recorder(), CancellationToken.None);
        Assert.InRange(most, 1, 2);
    }

    [Fact]
    public async Task Next_images_are_read_while_a_batch_is_in_the_model()
    {
        using var nextRead = new CountdownEvent(4);
        bool overlapped = false;
        EmbeddingPipeline pipeline = Pipeline(
            i =>
            {
                if (i is >= 4 and < 8)
                    nextRead.Signal();
                return Pixel(i);
            },
            images =>
            {
                if (images[0].Pixels[0] == 0)
                    overlapped = nextRead.Wait(Long);
                return FirstPixels(images);
            },
            new PipelineOptions(4, 2));
        await pipeline.RunAsync(Items(8), new Recorder(), CancellationToken.None);
        Assert.True(overlapped);
    }

    /// <summary>
    /// The first image hangs until the model has seen another: a model that waited for a full batch, or for the first,
    /// would wait for ever.
    /// </summary>
    [Fact]
    public async Task The_model_never_waits_while_an_image_is_ready()
    {
        using var seen = new ManualResetEventSlim();
        var sink = new Recorder();
        EmbeddingPipeline pipeline = Pipeline(
            i => i == 0 && !seen.Wait(Long) ? throw new DinoException("the model waited") : Pixel(i),
            images =>
            {
                seen.Set();
                return FirstPixels(images);
            },
            new PipelineOptions(4, 2));
        await pipeline.RunAsync(Items(8), sink, CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"{i}: {i}"), sink.Rows);
    }

    /// <summary>A list that arrives slowly: each row is out before the next path comes.</summary>
    [Fact]
    public async Task A_row_is_out_before_the_next_input_comes()
    {
        using var rowOut = new SemaphoreSlim(0);
        var sink = new Recorder { OnFlush = () => rowOut.Release() };
        bool waited = false;
        IEnumerable<InputItem> Slowly()
        {
            for (int i = 0; i < 5; i++)
            {
                if (i > 0 && !rowOut.Wait(Long))
                    waited = true;
                yield return InputItem.File($"{i}");
            }
        }

        await Pipeline(Pixel, FirstPixels, new PipelineOptions(32, 2)).RunAsync(Slowly(), sink, CancellationToken.None);
        Assert.False(waited);
        Assert.Equal(5, sink.Rows.Count);
        Assert.Equal(5, sink.Flushes);
    }

    [Fact]
    public async Task A_file_that_hangs_costs_its_row_and_a_bounded_time()
    {
        using var never = new ManualResetEventSlim();
        var sink = new Recorder();
        EmbeddingPipeline pipeline = Pipeline(
            i =>
            {
                if (i is 3 or 4 or 20)
                    never.Wait(); // with two workers, both hang
                return Pixel(i);
            },
            FirstPixels,
            new PipelineOptions(4, 2) { ImageTimeout = TimeSpan.FromSeconds(1) });
        await pipeline.RunAsync(Items(30), sink, CancellationToken.None).WaitAsync(Long);
        never.Set();
        Assert.Equal(
            Enumerable.Range(0, 30).Select(i => i is 3 or 4 or 20 ? $"{i}: took longer than 1 s to read and decode" : $"{i}: {i}"),
            sink.Rows);
    }

    /// <summary>
    /// How long an image waits for room in memory depends on the others and on the number of workers, and no row may.
    /// </summary>
    [Fact]
    public async Task Waiting_for_room_is_not_reading()
    {
        var sink = new Recorder();
        var pipeline = new EmbeddingPipeline(
            (item, clock) =>
            {
                using IDisposable room = clock.WaitFor(() =>
                {
                    Thread.Sleep(item.Path == "1" ? 2500 : 0);
                    return new CancellationTokenSource();
                });
                return new LoadedImage(Pixel(int.Parse(item.Path, CultureInfo.InvariantCulture)), 1, 1);
            },
            FirstPixels,
            new PipelineOptions(4, 2) { ImageTimeout = TimeSpan.FromSeconds(1) });
        await pipeline.RunAsync(Items(4), sink, CancellationToken.None).WaitAsync(Long);
        Assert.Equal(["0: 0", "1: 1", "2: 2", "3: 3"], sink.Rows);
    }

    [Fact]
    public void A_standstill_of_the_process_is_no_time_of_an_image()
    {
        using var time = new RunningTime();
        var clock = new LoadClock(time);
        clock.Start();
        time.Pass(TimeSpan.FromHours(1)); // what a tick finds after SIGCONT
        Assert.False(clock.HasPassed(TimeSpan.FromSeconds(60)));
        for (int i = 0; i < 60; i++)
            time.Pass(TimeSpan.FromSeconds(1));
        Assert.True(clock.HasPassed(TimeSpan.FromSeconds(60)));
    }

    private static EmbeddingPipeline Pipeline(
        Func<int, RgbImage> load, Func<IReadOnlyList<RgbImage>, DinoOutput> forward, PipelineOptions options) =>
        new((item, _) => new LoadedImage(load(int.Parse(item.Path, CultureInfo.InvariantCulture)), 1, 1), forward, options);

    private static IEnumerable<InputItem> Items(int count) =>
        Enumerable.Range(0, count).Select(i => InputItem.File(i.ToString(CultureInfo.InvariantCulture)));

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

        public Action? OnRow { get; init; }

        public Action? OnFlush { get; init; }

        public int Flushes { get; private set; }

        public void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index) =>
            Add($"{item.Path}: {output.ClassToken!.Data[index]}");

        public void Failed(InputItem item, string reason, string? hint) => Add($"{item.Path}: {reason}");

        public void Flush()
        {
            Flushes++;
            OnFlush?.Invoke();
        }

        private void Add(string row)
        {
            Rows.Add(row);
            OnRow?.Invoke();
        }
    }
}
