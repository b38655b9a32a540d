using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Serving;

/// <summary>The asynchronous methods of encoders: the bytes of the others, for any number of callers.</summary>
public sealed class EmbedAsyncTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(120);

    [Theory]
    [InlineData(1, false)]
    [InlineData(7, false)]
    [InlineData(7, true)]
    public async Task Many_callers_get_the_bytes_of_one_picture_alone(int batchSize, bool isGroup)
    {
        string[] files = [.. GoldenImages.All.Select(golden => GoldenData.Image(golden.Image))];
        DinoOptions options = Cpu with { BatchSize = batchSize, Decoder = new SkiaImageDecoder() };
        using DinoEncoder alone = DinoEncoder.Create(TinyModel.Weights, options);
        float[][] expected = [.. files.Select(file => alone.Embed(file))];
        await using IDinoEncoder encoder = isGroup
            ? new DinoEncoderGroup([DinoEncoder.Create(TinyModel.Weights, options), DinoEncoder.Create(TinyModel.Weights, options)])
            : DinoEncoder.Create(TinyModel.Weights, options);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; i < 3; i++)
            {
                int file = (3 * caller + i) % files.Length;
                using FileStream stream = File.OpenRead(files[file]);
                ImageSource source = ((caller + i) % 4) switch
                {
                    0 => files[file],
                    1 => File.ReadAllBytes(files[file]),
                    2 => stream,
                    _ => new SkiaImageDecoder().Decode(File.ReadAllBytes(files[file]), options.Orientation),
                };
                Assert.Equal(expected[file], await encoder.EmbedAsync(source));
                Assert.True(stream.CanRead);
            }
        }))).WaitAsync(Long);

        List<float[]?> many = [];
        await foreach (EmbeddingResult result in encoder.EmbedManyAsync(files))
            many.Add(result.Embedding);
        Assert.Equal(expected, many);
        Assert.Equal(expected, encoder.Embed(files));
        encoder.WarmUp();
    }

    [Fact]
    public async Task Thousands_of_calls_leave_nothing_behind()
    {
        const int Round = 100;
        await using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        using var server = new CancellationTokenSource(); // its token outlives the calls
        float[] expected = encoder.Embed(TinyModel.Picture(1));
        var pictures = new List<WeakReference>();
        for (int round = 0; round < 100; round++)
            pictures.AddRange(await CallAsync(Round));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        int alive = pictures.SkipLast(Round).Count(picture => picture.IsAlive); // this method's stack may hold the last ones
        Assert.True(alive <= encoder.BatchSize, $"{alive} pictures of {pictures.Count} are held");

        async Task<WeakReference[]> CallAsync(int calls)
        {
            using var leaves = CancellationTokenSource.CreateLinkedTokenSource(server.Token);
            RgbImage[] asked = [.. Enumerable.Range(0, calls).Select(_ => TinyModel.Picture(1))];
            Task<float[]>[] tasks =
                [.. asked.Select((picture, i) => encoder.EmbedAsync(picture, i % 10 == 9 ? leaves.Token : server.Token).AsTask())];
            leaves.Cancel();
            for (int i = 0; i < tasks.Length; i++)
            {
                if (i % 10 != 9)
                    Assert.Equal(expected, await tasks[i].WaitAsync(Long));
                else
                    await tasks[i].ContinueWith(_ => { }, TaskScheduler.Default).WaitAsync(Long);
            }

            return [.. asked.Select(picture => new WeakReference(picture))];
        }
    }

    [Fact]
    public async Task Errors_come_with_their_kind_and_cost_their_caller_only()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.png", "words");
        string good = Png;
        await using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu with { BatchSize = 2 });
        ImageException failure = await Assert.ThrowsAsync<ImageException>(async () => await encoder.EmbedAsync(text));
        Assert.Equal(Assert.Throws<ImageException>(() => encoder.Embed(text)).Message, failure.Message);
        Assert.Equal(ImageFailureReason.NotAnImage, failure.Reason);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await encoder.EmbedAsync((ImageSource)null!));

        List<EmbeddingResult> results = [];
        await foreach (EmbeddingResult result in encoder.EmbedManyAsync([good, text, good, folder.Path("absent.png")]))
            results.Add(result);
        Assert.Equal([true, false, true, false], results.Select(result => result.IsSuccess));
        Assert.Equal([1, 3], results.Where(result => !result.IsSuccess).Select(result => result.Error!.Index!.Value));
        Assert.Equal(encoder.Embed(good), results[2].Embedding);
    }

    [Fact]
    public async Task Disposal_does_not_hold_its_thread_and_ends_every_call()
    {
        using var begun = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu with { BatchSize = 2 }, (device, weights) =>
            new HookedExecutor(VitExecutor.Create(device, weights), _ =>
            {
                begun.Set();
                Assert.True(gate.Wait(Long));
            }));
        Task<float[]> computing = encoder.EmbedAsync(TinyModel.Picture(0)).AsTask();
        Assert.True(begun.Wait(Long));
        Task<float[]> waiting = encoder.EmbedAsync(TinyModel.Picture(1)).AsTask();
        ValueTask disposal = encoder.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        Assert.False(disposal.IsCompleted);
        gate.Set();
        await disposal.AsTask().WaitAsync(Long);
        Assert.Equal(TinyModel.Weights.Config.HiddenSize, (await computing).Length);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await encoder.EmbedAsync(TinyModel.Picture(1)));
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(TinyModel.Picture(1)));
    }

    [Theory]
    [InlineData(0, 1, 0, "the queue limit is 0 (expected 1 or more)")]
    [InlineData(1, 0, 0, "the number of decode threads is 0 (expected 1 or more)")]
    [InlineData(1, 1, -1, "the batch delay is -00:00:01 (expected 0 to 1 minute)")]
    public void Wrong_options_are_said_at_once(int limit, int threads, int seconds, string message)
    {
        var options = Cpu with { QueueLimit = limit, DecodeThreads = threads, MaxBatchDelay = TimeSpan.FromSeconds(seconds) };
        Assert.Equal(message, Assert.Throws<DinoException>(() => DinoEncoder.Create(TinyModel.Weights, options)).Message);
    }

    [Fact]
    public void Both_encoders_are_one_interface_with_the_same_answers()
    {
        RgbImage[] pictures = [.. Enumerable.Range(0, 5).Select(TinyModel.Picture)];
        using IDinoEncoder one = DinoEncoder.Create(TinyModel.Weights, Cpu with { BatchSize = 2 });
        using IDinoEncoder group = DinoEncoderGroup.Create(TinyModel.Weights, Cpu with { BatchSize = 2 });
        Assert.Equal(one.Devices.Count, group.Devices.Count);
        Assert.Equal((one.TokenCount, one.BatchSize), (group.TokenCount, group.BatchSize));
        Assert.Equal(one.Embed(pictures), group.Embed(pictures));
        Assert.Equal(one.Embed(pictures[0]), group.Embed(pictures[0]));
        Assert.Equal(one.EmbedMultiScale(pictures), group.EmbedMultiScale(pictures));
        Assert.Equal(one.AttentionRollouts(pictures)[3].Values.ToArray(), group.AttentionRollouts(pictures)[3].Values.ToArray());
        string[] files = [Png, "absent.png"];
        Assert.Equal(1, Assert.Throws<ImageException>(() => group.Embed(files)).Index);
        Assert.Empty(group.Embed(Array.Empty<string>()));
    }

    [Fact]
    public void Embeddings_go_into_memory_of_the_caller_and_into_halves()
    {
        using IDinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        RgbImage[] pictures = [TinyModel.Picture(0), TinyModel.Picture(1)];
        float[][] expected = encoder.Embed(pictures);
        float[] rows = new float[2 * 16 + 1];
        encoder.Embed(pictures, rows);
        Assert.Equal([.. expected[0], .. expected[1], 0], rows);
        encoder.Embed(pictures[1], rows.AsSpan(17));
        Assert.Equal(expected[1], rows[17..]);
        Assert.Equal(expected[0].Select(value => (Half)value), encoder.EmbedHalf(pictures[0]));
        Assert.Throws<ArgumentException>(() => encoder.Embed(pictures, new float[31]));
    }

    private static string Png { get; } =
        GoldenData.Image(GoldenImages.All.First(golden => golden.Image.EndsWith(".png", StringComparison.Ordinal)).Image);

    private static DinoOptions Cpu { get; } = new() { Device = "cpu", Threads = 1 };
}
