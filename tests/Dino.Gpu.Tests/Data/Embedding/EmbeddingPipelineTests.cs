using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Imaging;


namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>The overlap of decoding, model and rows, with a model that returns the first pixel.</summary>
public sealed class EmbeddingPipelineTests
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
    /// A row that is NaN because of the machine would be wrong for ever: the run ends, and can be gone on with.
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

    /// <summary>Memory that runs out while an image is decoded whose row has failed already ends no run.</summary>
    [Fact]
    public async Task Want_of_memory_behind_a_time_out_is_that_image_s_own()
    {
        using var failed = new ManualResetEventSlim();
        var sink = new Recorder { OnRow = failed.Set };
        EmbeddingPipeline pipeline = Pipeline(
            i =>
            {
                if (i == 0)
                {
                    failed.Wait(Long); // its own row, which the clock ends
                    throw new OutOfMemoryException();
                }

                return Pixel(i);
            },
            FirstPixels,
            new PipelineOptions(1, 1) { ImageTimeout = TimeSpan.FromSeconds(1) });
        await pipeline.RunAsync(Items(500), sink, CancellationToken.None).WaitAsync(Long);
        Assert.Equal("0: took longer than 1 s to read and decode", sink.Rows[0]);
        Assert.Equal(500, sink.Rows.Count);
    }

    /// <summary>
    /// The first image waits for the room that the second has, which hangs: without the room taken back neither would
    /// end.
    /// </summary>
    [Fact]
    public async Task A_file_that_hangs_gives_its_room_back()
    {
        using var never = new ManualResetEventSlim();
        using var taken = new ManualResetEventSlim();
        var budget = new PixelBudget(10);
        var sink = new Recorder();
        var pipeline = new EmbeddingPipeline(
            (item, clock) =>
            {
                bool hangs = item.Path == "1";
                if (!hangs)
                    taken.Wait(Long);
                using IDisposable room = clock.WaitFor(() => budget.Enter(10));
                if (hangs)
                {
                    taken.Set();
                    never.Wait();
                }

                return new LoadedImage(Pixel(int.Parse(item.Path, CultureInfo.InvariantCulture)), 1, 1);
            },
            FirstPixels,
            new PipelineOptions(4, 2) { ImageTimeout = TimeSpan.FromSeconds(1) });
        await pipeline.RunAsync(Items(4), sink, CancellationToken.None).WaitAsync(Long);
        never.Set();
        Assert.Equal(["0: 0", "1: took longer than 1 s to read and decode", "2: 2", "3: 3"], sink.Rows);
    }

    [Fact]
    public async Task Cancelling_does_not_wait_for_the_batch_in_the_model()
    {
        using var cancellation = new CancellationTokenSource();
        using var never = new ManualResetEventSlim();
        EmbeddingPipeline pipeline = Pipeline(
            Pixel,
            images =>
            {
                cancellation.Cancel();
                never.Wait(Long);
                return FirstPixels(images);
            },
            new PipelineOptions(2, 2));

        Task run = pipeline.RunAsync(Items(100_000), new Recorder(), cancellation.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(TimeSpan.FromSeconds(20)));
        never.Set();
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 7)]
    [InlineData(1, 100)]
    public async Task Draining_finishes_the_batch_in_the_model_and_hands_out_whole_rows_in_order(int inFlight, int after)
    {
        using var drain = new CancellationTokenSource();
        int finished = 0;
        var sink = new Recorder();
        EmbeddingPipeline pipeline = Pipeline(
            Pixel,
            images =>
            {
                if (images.Any(image => image.Pixels[0] >= after))
                    drain.Cancel();
                Thread.Sleep(20);
                Interlocked.Add(ref finished, images.Count);
                return FirstPixels(images);
            },
            new PipelineOptions(4, 1) { InFlight = inFlight });

        Assert.False(await pipeline.RunAsync(Items(200), sink, drain.Token, CancellationToken.None).WaitAsync(Long));
        Assert.Equal(Enumerable.Range(0, sink.Rows.Count).Select(i => $"{i}: {i}"), sink.Rows);
        Assert.InRange(sink.Rows.Count, 1, finished);
        Assert.InRange(finished, after == 0 ? 1 : after, 199);
    }

    /// <summary>As at a terminal, or with a producer that has stopped writing.</summary>
    [Fact]
    public async Task Draining_does_not_wait_for_the_next_input()
    {
        using var drain = new CancellationTokenSource();
        using var never = new ManualResetEventSlim();
        var sink = new Recorder { OnRow = drain.Cancel };
        IEnumerable<InputItem> OneThenNothing()
        {
            yield return InputItem.File("0");
            never.Wait(Long);
        }

        Assert.False(
            await Pipeline(Pixel, FirstPixels, new PipelineOptions(4, 2)).RunAsync(
                OneThenNothing(), sink, drain.Token, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(["0: 0"], sink.Rows);
        never.Set();
    }

    [Fact]
    public async Task A_failing_model_ends_the_run()
    {
        EmbeddingPipeline pipeline = Pipeline(Pixel, _ => throw new DinoException("out of memory"), new PipelineOptions(2, 2));
        DinoException failure = await Assert.ThrowsAsync<DinoException>(
            () => pipeline.RunAsync(Items(100), new Recorder(), CancellationToken.None));
        Assert.Equal("out of memory", failure.Message);
    }

    [Fact]
    public async Task A_failing_list_ends_the_run()
    {
        static IEnumerable<InputItem> Broken()
        {
            yield return InputItem.File("0");
            throw new DinoException("the list broke off");
        }

        DinoException failure = await Assert.ThrowsAsync<DinoException>(
            () =>
                Pipeline(Pixel, FirstPixels, new PipelineOptions(2, 2)).RunAsync(
                    Broken(), new Recorder(), CancellationToken.None).WaitAsync(Long));
        Assert.Equal("the list broke off", failure.Message);
    }

    [Fact]
    public async Task A_failing_sink_ends_the_run()
    {
        var sink = new Recorder { OnRow = () => throw new DinoException("disk full") };
        DinoException failure = await Assert.ThrowsAsync<DinoException>(
            () =>
                Pipeline(Pixel, FirstPixels, new PipelineOptions(2, 2)).RunAsync(Items(100), sink, CancellationToken.None).WaitAsync(Long));
        Assert.Equal("disk full", failure.Message);
    }

    [Fact]
    public async Task Times_are_told()
    {
        var times = new StageTimes();
        var pipeline = new EmbeddingPipeline(
            (_, _) => new LoadedImage(Pixel(0), 1, 1),
            images =>
            {
                Thread.Sleep(5);
                return FirstPixels(images);
            },
            new PipelineOptions(4, 2),
            times);
        await pipeline.RunAsync(Items(16), new Recorder(), CancellationToken.None);
        Assert.Equal(16, times.Images(Stage.Model));
        Assert.Equal(16, times.Images(Stage.Write));
        Assert.InRange(times.Seconds(Stage.Model), 0.02, 20);
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

        public void Failed(InputItem item, string reason) => Add($"{item.Path}: {reason}");

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
