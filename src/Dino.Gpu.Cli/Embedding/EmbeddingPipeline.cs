using System.Threading.Channels;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Embedding;

/// <summary>
/// Reads ahead: while one batch is in the model, the next ones are decoded and resized on other threads. The queue between them is
/// bounded, so memory does not depend on the number of inputs. Rows leave in input order.
/// </summary>
/// <param name="prepare">Decodes and resizes one file; called from several threads.</param>
/// <param name="forward">Runs one batch; one call at a time.</param>
/// <param name="batchSize">Inputs in one batch.</param>
/// <param name="workers">Files decoded at the same time.</param>
internal sealed class EmbeddingPipeline(
    Func<string, RgbImage> prepare,
    Func<IReadOnlyList<RgbImage>, DinoOutput> forward,
    int batchSize,
    int workers)
{
    /// <summary>One input: its pixels, or the reason why there are none.</summary>
    private sealed record Prepared(string Path, RgbImage? Image, string? Reason);

    /// <exception cref="OperationCanceledException">Cancelled; a batch that is in the model is left behind, not waited for.</exception>
    public async Task RunAsync(IEnumerable<string> paths, IEmbeddingSink sink, CancellationToken cancellation)
    {
        // Stops the readers when this method ends early for any reason.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<Task<Prepared>> queue = Channel.CreateBounded<Task<Prepared>>(Math.Max(2 * batchSize, workers));
        Task reading = Task.Run(() => ReadAheadAsync(paths, queue.Writer, stop.Token), CancellationToken.None);
        try
        {
            var batch = new List<Prepared>(batchSize);
            await foreach (Task<Prepared> next in queue.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                batch.Add(await next.WaitAsync(cancellation).ConfigureAwait(false));
                if (batch.Count == batchSize)
                {
                    await RunBatchAsync(batch, sink, cancellation).ConfigureAwait(false);
                    batch.Clear();
                }
            }

            if (batch.Count > 0)
                await RunBatchAsync(batch, sink, cancellation).ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunBatchAsync(List<Prepared> batch, IEmbeddingSink sink, CancellationToken cancellation)
    {
        List<RgbImage> images = [.. batch.Select(one => one.Image).OfType<RgbImage>()];
        DinoOutput? output = images.Count == 0
            ? null
            : await Task.Run(() => forward(images), CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);

        int image = 0;
        foreach (Prepared one in batch)
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
