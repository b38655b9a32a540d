using System.Threading.Channels;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Embedding;

/// <summary>
/// Reads ahead: while batches are in the model, the next ones are decoded and resized on other threads. The queue between them and the
/// number of batches in the model are bounded, so memory does not depend on the number of inputs. Rows leave in input order, whichever
/// batch is ready first.
/// </summary>
/// <param name="prepare">Decodes and resizes one file; called from several threads.</param>
/// <param name="forward">Runs one batch; up to <paramref name="inFlight"/> calls at a time.</param>
/// <param name="batchSize">Inputs in one batch.</param>
/// <param name="workers">Files decoded at the same time.</param>
/// <param name="inFlight">Batches in the model at the same time: one a device, or one more to wait where the next device becomes free.</param>
internal sealed class EmbeddingPipeline(
    Func<string, RgbImage> prepare,
    Func<IReadOnlyList<RgbImage>, DinoOutput> forward,
    int batchSize,
    int workers,
    int inFlight = 1)
{
    /// <summary>One input: its pixels, or the reason why there are none.</summary>
    private sealed record Prepared(string Path, RgbImage? Image, string? Reason);

    /// <summary>A batch in the model; the output is null where no input of it could be read.</summary>
    private sealed record Running(IReadOnlyList<Prepared> Inputs, Task<DinoOutput?> Output);

    /// <exception cref="OperationCanceledException">Cancelled; a batch that is in the model is left behind, not waited for.</exception>
    public async Task RunAsync(IEnumerable<string> paths, IEmbeddingSink sink, CancellationToken cancellation)
    {
        // Stops the readers when this method ends early for any reason.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<Task<Prepared>> queue = Channel.CreateBounded<Task<Prepared>>(Math.Max((inFlight + 1) * batchSize, workers));
        Task reading = Task.Run(() => ReadAheadAsync(paths, queue.Writer, stop.Token), CancellationToken.None);
        try
        {
            var running = new Queue<Running>(); // oldest first
            var batch = new List<Prepared>(batchSize);
            await foreach (Task<Prepared> next in queue.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                batch.Add(await next.WaitAsync(cancellation).ConfigureAwait(false));
                if (batch.Count == batchSize)
                {
                    running.Enqueue(Start(batch));
                    batch = new List<Prepared>(batchSize);
                    if (running.Count == inFlight)
                        await FinishAsync(running.Dequeue(), sink, cancellation).ConfigureAwait(false);
                }
            }

            if (batch.Count > 0)
                running.Enqueue(Start(batch));
            while (running.TryDequeue(out Running? oldest))
                await FinishAsync(oldest, sink, cancellation).ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Running Start(IReadOnlyList<Prepared> batch)
    {
        List<RgbImage> images = [.. batch.Select(one => one.Image).OfType<RgbImage>()];
        return new Running(batch, images.Count == 0 ? Task.FromResult<DinoOutput?>(null) : Task.Run<DinoOutput?>(() => forward(images), CancellationToken.None));
    }

    private static async Task FinishAsync(Running batch, IEmbeddingSink sink, CancellationToken cancellation)
    {
        DinoOutput? output = await batch.Output.WaitAsync(cancellation).ConfigureAwait(false);
        int image = 0;
        foreach (Prepared one in batch.Inputs)
        {
            if (one.Image is null)
                sink.Failed(one.Path, one.Reason!);
            else
                sink.Embedded(one.Path, output!, image++);
        }

        sink.BatchEnded();
    }

    private async Task ReadAheadAsync(IEnumerable<string> paths, ChannelWriter<Task<Prepared>> queue, CancellationToken stop)
    {
        // Not disposed: a file still being decoded when the run is cancelled gives its slot back later.
        var slots = new SemaphoreSlim(workers);
        try
        {
            foreach (string path in paths)
            {
                await slots.WaitAsync(stop).ConfigureAwait(false);
                Task<Prepared> reading = Task.Run(
                    () =>
                    {
                        try
                        {
                            return Prepare(path);
                        }
                        finally
                        {
                            slots.Release();
                        }
                    },
                    CancellationToken.None);
                await queue.WriteAsync(reading, stop).ConfigureAwait(false);
            }

            queue.Complete();
        }
        catch (Exception failure)
        {
            queue.TryComplete(failure);
        }
    }

    /// <summary>Whatever a broken file makes a decoder throw, it costs that file's row and nothing else.</summary>
    private Prepared Prepare(string path)
    {
        try
        {
            return new Prepared(path, prepare(path), null);
        }
        catch (Exception failure)
        {
            string reason = failure is DinoException or IOException or UnauthorizedAccessException
                ? failure.Message
                : $"{failure.GetType().Name}: {failure.Message}";
            return new Prepared(path, null, DinoCommandLine.OneLine(reason));
        }
    }
}
