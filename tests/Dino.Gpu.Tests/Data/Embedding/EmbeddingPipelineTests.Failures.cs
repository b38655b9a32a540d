using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Data.Embedding;

public sealed partial class EmbeddingPipelineTests
{
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
}
