using System.Runtime.CompilerServices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Serving;

namespace Dino.Gpu.Tests.Serving;

/// <summary>A sequence of pictures through a queue: in order, bounded, and ended at once.</summary>
public sealed class EmbedSequenceTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private int _taken; // pictures that the sequence was asked for

    [Fact]
    public async Task Results_keep_the_order_and_a_broken_picture_is_one_of_them()
    {
        using EmbedQueue queue = Queue(number => number % 10 == 3);
        List<EmbeddingResult> results = [];
        await foreach (EmbeddingResult result in EmbedSequence.RunAsync(queue, Numbers(57), CancellationToken.None))
            results.Add(result);
        Assert.Equal(Enumerable.Range(0, 57), results.Select(result => result.Index));
        foreach (EmbeddingResult result in results)
        {
            Assert.Equal(result.Index % 10 != 3, result.IsSuccess);
            if (result.IsSuccess)
            {
                Assert.Equal([result.Index], result.Embedding);
            }
            else
            {
                Assert.Equal((result.Index, ImageFailureReason.Damaged), (result.Error.Index, ((ImageException)result.Error).Reason));
                Assert.Null(result.Embedding);
            }
        }
    }

    [Fact]
    public async Task No_more_pictures_are_taken_than_the_next_batches_need()
    {
        using var gate = new SemaphoreSlim(0);
        using EmbedQueue queue = Queue(beforeBatch: () => gate.Wait());
        await using IAsyncEnumerator<EmbeddingResult> results =
            EmbedSequence.RunAsync(queue, Numbers(int.MaxValue), CancellationToken.None).GetAsyncEnumerator();
        Task<bool> first = results.MoveNextAsync().AsTask();
        await UntilAsync(() => Volatile.Read(ref _taken) >= 2 * queue.Window);
        await Task.Delay(50);
        Assert.Equal(2 * queue.Window, _taken);
        gate.Release(int.MaxValue);
        Assert.True(await first.WaitAsync(Long));
    }

    [Fact]
    public async Task A_slow_list_holds_back_no_result()
    {
        using EmbedQueue queue = Queue();
        var second = new TaskCompletionSource();
        await using IAsyncEnumerator<EmbeddingResult> results =
            EmbedSequence.RunAsync(queue, Slow(), CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync().AsTask().WaitAsync(Long)); // the list does not go on yet
        second.SetResult();
        Assert.True(await results.MoveNextAsync().AsTask().WaitAsync(Long));
        Assert.False(await results.MoveNextAsync().AsTask().WaitAsync(Long));

        async IAsyncEnumerable<ImageSource> Slow()
        {
            yield return Picture(0);
            await second.Task;
            yield return Picture(1);
        }
    }

    [Fact]
    public async Task A_list_that_blocks_holds_back_no_result()
    {
        using EmbedQueue queue = Queue();
        int listed = 0;
        IAsyncEnumerable<ImageSource> pictures = EmbedSequence.Of(Slow(), Picture);
        await foreach (EmbeddingResult _ in EmbedSequence.RunAsync(queue, pictures, CancellationToken.None))
            break;
        Assert.InRange(listed, 0, 2 * queue.Window - 2); // not first as many as it may take

        IEnumerable<int> Slow()
        {
            for (; ; listed++)
            {
                Thread.Sleep(100);
                yield return listed;
            }
        }
    }

    [Fact]
    public async Task Cancellation_ends_it_at_once_whatever_the_model_and_the_list_do()
    {
        using var gate = new SemaphoreSlim(0);
        using EmbedQueue queue = Queue(beforeBatch: () => gate.Wait());
        using var cancellation = new CancellationTokenSource();
        Task computing = ReadAsync(EmbedSequence.RunAsync(queue, Numbers(int.MaxValue), cancellation.Token));
        Task listing = ReadAsync(EmbedSequence.RunAsync(queue, Never(), cancellation.Token));
        await UntilAsync(() => Volatile.Read(ref _taken) >= 2 * queue.Window);
        cancellation.Cancel();
        foreach (Task reading in (Task[])[computing, listing])
        {
            OperationCanceledException ended =
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(TimeSpan.FromSeconds(10)));
            Assert.Equal(cancellation.Token, ended.CancellationToken); // callers tell their own cancellation by it
        }

        gate.Release(1000);

        static async IAsyncEnumerable<ImageSource> Never([EnumeratorCancellation] CancellationToken ignored = default)
        {
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
            yield return Picture(0);
        }
    }

    [Fact]
    public async Task Who_stops_early_leaves_nothing_in_the_queue()
    {
        bool isDisposed = false;
        using EmbedQueue queue = Queue();
        await foreach (EmbeddingResult result in EmbedSequence.RunAsync(queue, Numbered(), CancellationToken.None))
        {
            if (result.Index == 5)
                break;
        }

        Assert.True(isDisposed);
        float[] next = await queue.Add(Picture(1), isCounted: true, CancellationToken.None).WaitAsync(Long);
        Assert.Equal(1f, Assert.Single(next));

        async IAsyncEnumerable<ImageSource> Numbered([EnumeratorCancellation] CancellationToken cancellation = default)
        {
            try
            {
                await foreach (ImageSource picture in Numbers(int.MaxValue).WithCancellation(cancellation))
                    yield return picture;
            }
            finally
            {
                isDisposed = true;
            }
        }
    }

    [Fact]
    public async Task A_device_that_fails_ends_it_with_the_place()
    {
        int batches = 0;
        using EmbedQueue queue = Queue(beforeBatch: () =>
        {
            if (++batches == 3)
                throw new DeviceException("gone");
        });
        int results = 0;
        DeviceException failure = await Assert.ThrowsAsync<DeviceException>(async () =>
        {
            await foreach (EmbeddingResult _ in EmbedSequence.RunAsync(queue, Numbers(1000), CancellationToken.None))
                results++;
        });
        Assert.Equal(results, failure.Index);
    }

    private static ImageSource Picture(int number) => new RgbImage(1, 1, [(byte)number, (byte)(number >> 8), 0]);

    private async IAsyncEnumerable<ImageSource> Numbers(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Interlocked.Increment(ref _taken);
            yield return Picture(i);
        }

        await Task.CompletedTask;
    }

    private static async Task ReadAsync(IAsyncEnumerable<EmbeddingResult> results)
    {
        await foreach (EmbeddingResult _ in results)
        {
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (long end = Environment.TickCount64 + (long)Long.TotalMilliseconds; !condition(); await Task.Delay(1))
            Assert.True(Environment.TickCount64 < end, "it does not come so far");
    }

    private static int Number(RgbImage picture) => picture.Pixels[0] + 256 * picture.Pixels[1];

    private static EmbedQueue Queue(Func<int, bool>? isBroken = null, Action? beforeBatch = null) => new(new QueueOptions
    {
        Prepare = source => isBroken?.Invoke(Number(source.Image!)) == true
            ? throw new ImageException(ImageFailureReason.Damaged, "broken")
            : source.Image!,
        Forward = pictures =>
        {
            beforeBatch?.Invoke();
            return [.. pictures.Select(picture => (float)Number(picture))];
        },
        BatchSize = () => 4,
        DecodeThreads = 2,
    });
}
