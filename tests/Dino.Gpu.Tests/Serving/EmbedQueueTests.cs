using System.Collections.Concurrent;
using Dino.Gpu.Imaging;
using Dino.Gpu.Serving;

namespace Dino.Gpu.Tests.Serving;

/// <summary>Many callers, one model: here a model whose batches end when the test says so.</summary>
public sealed class EmbedQueueTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private readonly ConcurrentQueue<int[]> _batches = []; // the numbers of their pictures
    private readonly SemaphoreSlim _allowed = new(0); // batches that may end
    private readonly SemaphoreSlim _begun = new(0);
    private volatile Thread? _thread;
    private int _prepared;

    public void Dispose()
    {
        _allowed.Dispose();
        _begun.Dispose();
    }

    [Fact]
    public async Task One_picture_starts_at_once_and_those_that_come_meanwhile_share_batches()
    {
        using EmbedQueue queue = Queue(batchSize: 8);
        Task<float[]> first = Add(queue, 0);
        await BegunAsync();
        Task<float[]>[] others = [.. Enumerable.Range(1, 20).Select(number => Add(queue, number))];
        await UntilAsync(() => _prepared == 1 + queue.Window);
        _allowed.Release();
        Assert.Equal(Row(0), await first.WaitAsync(Long));

        await BegunAsync();
        await UntilAsync(() => _prepared == 1 + 8 + queue.Window);
        _allowed.Release();
        await BegunAsync();
        await UntilAsync(() => _prepared == 21);
        _allowed.Release(2);
        float[][] rows = await Task.WhenAll(others).WaitAsync(Long);
        Assert.Equal(Enumerable.Range(1, 20).Select(number => (float)number), rows.Select(row => row[0]));
        Assert.Equal([1, 8, 8, 4], _batches.Select(batch => batch.Length));
        Assert.Equal(Enumerable.Range(0, 21), _batches.SelectMany(batch => batch)); // first come, first served
    }

    [Fact]
    public async Task A_second_batch_is_sent_to_a_busy_device_only_when_it_is_full()
    {
        using EmbedQueue queue = Queue(batchSize: 4, batchesInFlight: 2);
        Task<float[]> first = Add(queue, 0);
        await BegunAsync();
        Task<float[]>[] others = [.. Enumerable.Range(1, 3).Select(number => Add(queue, number))];
        await UntilAsync(() => _prepared == 4);
        Assert.False(await _begun.WaitAsync(50), "a part of a batch was sent to a busy device");
        Task<float[]> last = Add(queue, 4);
        await BegunAsync();
        _allowed.Release(2);
        await Task.WhenAll([first, .. others, last]).WaitAsync(Long);
        Assert.Equal([1, 4], _batches.Select(batch => batch.Length));
    }

    [Fact]
    public async Task Callers_that_cancel_are_gone_at_once_and_their_pictures_are_not_computed()
    {
        using EmbedQueue queue = Queue(batchSize: 32);
        using var computing = new CancellationTokenSource();
        using var waiting = new CancellationTokenSource();
        Task<float[]> first = Add(queue, 0, computing.Token);
        await BegunAsync();
        Task<float[]>[] others =
            [.. Enumerable.Range(1, 20).Select(number => Add(queue, number, number % 2 == 0 ? waiting.Token : default))];
        await UntilAsync(() => _prepared == 21);
        waiting.Cancel();
        computing.Cancel();
        Assert.All(others.Where((_, i) => i % 2 == 1), task => Assert.True(task.IsCanceled)); // by the time that Cancel returns
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal(computing.Token, cancelled.CancellationToken);
        _allowed.Release(2);
        await Task.WhenAll(others.Where((_, i) => i % 2 == 0)).WaitAsync(Long);
        Assert.Equal([[0], [.. Enumerable.Range(0, 10).Select(i => 2 * i + 1)]], _batches);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Add(queue, 0, new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task A_full_queue_refuses_until_there_is_room()
    {
        using EmbedQueue queue = Queue(batchSize: 2, limit: 3);
        Task<float[]> first = Add(queue, 0);
        await BegunAsync();
        using var leaves = new CancellationTokenSource();
        Task<float[]>[] others = [Add(queue, 1), Add(queue, 2), Add(queue, 3, leaves.Token)];
        DinoBusyException refusal = await Assert.ThrowsAsync<DinoBusyException>(() => Add(queue, 4));
        Assert.StartsWith("3 pictures wait for the model", refusal.Message);
        Assert.Contains("QueueLimit", refusal.Hint);
        Task<float[]> ofSequence = queue.Add(Picture(5), isCounted: false, CancellationToken.None); // bounds itself
        leaves.Cancel();
        Task<float[]> taken = Add(queue, 6);
        _allowed.Release(10);
        await Task.WhenAll(first, others[0], others[1], ofSequence, taken).WaitAsync(Long);
        await Add(queue, 7).WaitAsync(Long);
    }

    [Fact]
    public async Task Disposal_ends_what_waits_and_lets_the_batch_finish()
    {
        EmbedQueue queue = Queue(batchSize: 4);
        Task<float[]> first = Add(queue, 0);
        await BegunAsync();
        Task<float[]>[] others = [.. Enumerable.Range(1, 20).Select(number => Add(queue, number))];
        Task<float[]> endless = queue.Add(new EndlessStream(), isCounted: true, CancellationToken.None);
        queue.Dispose();
        foreach (Task<float[]> task in others.Append(endless).Append(Add(queue, 1)))
            Assert.Contains("DinoEncoder", (await Assert.ThrowsAsync<ObjectDisposedException>(() => task)).Message);
        _allowed.Release(2);
        Assert.Equal(Row(0), await first.WaitAsync(Long));
        Assert.True(_thread!.Join(Long), "its thread goes on");
        Assert.Single(_batches);
    }

    [Fact]
    public async Task A_delay_that_was_asked_for_fills_a_batch_and_a_full_one_does_not_wait()
    {
        using EmbedQueue queue = Queue(batchSize: 3, delay: TimeSpan.FromMinutes(1));
        _allowed.Release(10);
        Task<float[]> first = Add(queue, 0);
        await UntilAsync(() => _prepared == 1);
        Assert.False(await _begun.WaitAsync(50), "it did not wait");
        Task<float[]>[] others = [Add(queue, 1), Add(queue, 2)];
        await Task.WhenAll([first, .. others]).WaitAsync(Long);
        Assert.Equal([[0, 1, 2]], _batches);

        using EmbedQueue patient = Queue(batchSize: 3, delay: TimeSpan.FromMilliseconds(20));
        Assert.Equal(Row(5), await Add(patient, 5).WaitAsync(Long)); // alone, when the time is over
    }

    [Fact]
    public async Task A_broken_picture_costs_its_caller_and_a_broken_batch_each_of_its_callers_an_error_of_its_own()
    {
        using EmbedQueue queue = Queue(batchSize: 4);
        _allowed.Release(100);
        Task<float[]> bad = Add(queue, -1);
        Assert.Equal(Row(7), await Add(queue, 7).WaitAsync(Long));
        Assert.Equal("broken", (await Assert.ThrowsAsync<ImageException>(() => bad)).Message);
        Assert.IsType<InvalidOperationException>((await Assert.ThrowsAsync<InvalidOperationException>(() => Add(queue, -2))));

        using EmbedQueue failing = Queue(batchSize: 4, delay: TimeSpan.FromMinutes(1), failure: new DeviceException("gone"));
        Task<float[]>[] tasks = [.. Enumerable.Range(0, 4).Select(number => Add(failing, number))];
        var failures = new HashSet<DeviceException>(ReferenceEqualityComparer.Instance);
        foreach (Task<float[]> task in tasks)
            failures.Add(await Assert.ThrowsAsync<DeviceException>(() => task));
        Assert.Equal(4, failures.Count);
        Assert.All(failures, failure => Assert.Equal("gone", failure.Message));
    }

    [Fact]
    public async Task Callers_go_on_on_the_thread_pool_and_threads_without_work_end()
    {
        using EmbedQueue queue = Queue(batchSize: 4, idle: TimeSpan.FromMilliseconds(20));
        _allowed.Release(100);
        for (int round = 0; round < 2; round++)
        {
            Task<bool> continued = Add(queue, round).ContinueWith(
                _ => Thread.CurrentThread.IsThreadPoolThread,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            Assert.True(await continued.WaitAsync(Long));
            Assert.False(_thread!.IsThreadPoolThread);
            Assert.True(_thread.Join(Long), "it stays without work");
        }
    }

    [Fact]
    public async Task A_stream_is_read_from_where_it_stands_and_left_open()
    {
        using EmbedQueue queue = Queue(batchSize: 4);
        _allowed.Release(100);
        using var stream = new MemoryStream([1, 2, 3, 9, 8]) { Position = 3 };
        Assert.Equal(Row(9), await queue.Add(stream, isCounted: true, CancellationToken.None).WaitAsync(Long));
        Assert.Equal((5, true), (stream.Position, stream.CanRead));

        using var cancellation = new CancellationTokenSource();
        Task<float[]> endless = queue.Add(new EndlessStream(), isCounted: true, cancellation.Token);
        cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);
        Assert.True(endless.IsCanceled);

        var unplugged = new EndlessStream { Failure = new IOException("unplugged") };
        Task<float[]> failing = queue.Add(unplugged, isCounted: true, CancellationToken.None);
        ImageException failure = await Assert.ThrowsAsync<ImageException>(() => failing);
        Assert.Equal((ImageFailureReason.Unreadable, "cannot be read: unplugged"), (failure.Reason, failure.Message));
    }

    private static float[] Row(float number) => [number, 1];

    private static ImageSource Picture(int number) => new RgbImage(1, 1, [(byte)number, (byte)(number < 0 ? -number : 0), 0]);

    private static Task<float[]> Add(EmbedQueue queue, int number, CancellationToken cancellation = default) =>
        queue.Add(Picture(number), isCounted: true, cancellation);

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (long end = Environment.TickCount64 + (long)Long.TotalMilliseconds; !condition(); await Task.Delay(1))
            Assert.True(Environment.TickCount64 < end, "it does not come so far");
    }

    private async Task BegunAsync() => Assert.True(await _begun.WaitAsync(Long), "no batch begins");

    private EmbedQueue Queue(
        int batchSize,
        int batchesInFlight = 1,
        int limit = 100,
        TimeSpan delay = default,
        TimeSpan? idle = null,
        Exception? failure = null) => new(new QueueOptions
        {
            Prepare = source =>
            {
                RgbImage picture = source.Image ?? new RgbImage(1, 1, [source.Prepare(FirstByte, image => image).Pixels[0], 0, 0]);
                Interlocked.Increment(ref _prepared);
                return picture.Pixels[1] switch
                {
                    1 => throw new ImageException(ImageFailureReason.Damaged, "broken"),
                    2 => throw new InvalidOperationException("a mistake"),
                    _ => picture,
                };
            },
            Forward = pictures =>
            {
                _thread = Thread.CurrentThread;
                _batches.Enqueue([.. pictures.Select(picture => (int)picture.Pixels[0])]);
                _begun.Release();
                Assert.True(_allowed.Wait(Long));
                return failure is null ? [.. pictures.SelectMany(picture => new float[] { picture.Pixels[0], 1 })] : throw failure;
            },
            BatchSize = () => batchSize,
            BatchesInFlight = () => batchesInFlight,
            Limit = limit,
            MaxBatchDelay = delay,
            IdleTime = idle ?? TimeSpan.FromSeconds(5),
        });

    private static RgbImage FirstByte(ReadOnlyMemory<byte> file) => new(1, 1, [file.Span[0], 0, 0]);

    /// <summary>A stream whose reads end only when they are cancelled, or with a failure.</summary>
    private sealed class EndlessStream : MemoryStream
    {
        public Exception? Failure { get; init; }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Failure is null ? Timeout.Infinite : 1, cancellationToken);
            throw Failure!;
        }
    }
}
