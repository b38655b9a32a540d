using System.Runtime.CompilerServices;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Serving;

/// <summary>Sends a sequence of pictures through an <see cref="EmbedQueue"/>, some at a time, and keeps their order.</summary>
internal static class EmbedSequence
{
    /// <summary>Embeds pictures.</summary>
    /// <param name="queue">What embeds them.</param>
    /// <param name="images">The pictures; not read further ahead than the device needs.</param>
    /// <param name="cancellation">Ends it at once.</param>
    /// <returns>One result for each picture, in their order, each as soon as those before it are there.</returns>
    /// <exception cref="OperationCanceledException">Canceled; it has the caller's token.</exception>
    public static async IAsyncEnumerable<EmbeddingResult> RunAsync(
        EmbedQueue queue, IAsyncEnumerable<ImageSource> images, [EnumeratorCancellation] CancellationToken cancellation)
    {
        IAsyncEnumerator<EmbeddingResult> results = ResultsAsync(queue, images, cancellation).GetAsyncEnumerator(CancellationToken.None);
        await using (results.ConfigureAwait(false))
        {
            while (await NextAsync().ConfigureAwait(false))
                yield return results.Current;
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await results.MoveNextAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException canceled) when (cancellation.IsCancellationRequested)
            {
                // It has the token that ends the sequence. A caller knows its own cancellation by its own token.
                throw new OperationCanceledException(canceled.Message, canceled, cancellation);
            }
        }
    }

    private static async IAsyncEnumerable<EmbeddingResult> ResultsAsync(
        EmbedQueue queue, IAsyncEnumerable<ImageSource> images, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var results = new Queue<Task<EmbeddingResult>>();
        IAsyncEnumerator<ImageSource> pictures = images.GetAsyncEnumerator(stop.Token);
        Task<bool>? more = null; // whether there is one more picture
        try
        {
            for (int index = 0; ;)
            {
                // One window is decoded or waits for its batch, and one is in the batches under way.
                for (int taken = 0; results.Count < 2 * queue.Window; taken++)
                {
                    if (taken > 0 && results.TryPeek(out Task<EmbeddingResult>? done) && done.IsCompleted)
                        break; // a result does not wait for a list that takes its time
                    more ??= pictures.MoveNextAsync().AsTask();
                    if (results.TryPeek(out Task<EmbeddingResult>? oldest))
                        await Task.WhenAny(more, oldest).WaitAsync(stop.Token).ConfigureAwait(false);
                    if (!more.IsCompleted && results.Count > 0)
                        break; // the list is slower than the model
                    if (!await more.WaitAsync(stop.Token).ConfigureAwait(false))
                        break;
                    ImageSource picture = pictures.Current ?? throw new ArgumentException("A picture is null.", nameof(images));
                    results.Enqueue(ResultAsync(index++, queue.Add(picture, isCounted: false, stop.Token)));
                    more = null;
                }

                if (!results.TryDequeue(out Task<EmbeddingResult>? next))
                    yield break;
                yield return await next.ConfigureAwait(false);
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            foreach (Task<EmbeddingResult> result in results)
                _ = result.ContinueWith(static left => _ = left.Exception, TaskScheduler.Default); // nobody will ask for it
            await EndAsync(pictures, more).ConfigureAwait(false);
        }
    }

    /// <summary>The pictures of a list, as those of a stream.</summary>
    /// <param name="items">A list, whose enumerator may take its time.</param>
    /// <param name="convert">Makes a picture of an item.</param>
    public static async IAsyncEnumerable<ImageSource> Of<T>(IEnumerable<T> items, Func<T, ImageSource> convert)
    {
        foreach (T item in items)
            yield return convert(item);
        await Task.CompletedTask.ConfigureAwait(false);
    }

    /// <summary>The pictures of a stream of other things.</summary>
    /// <param name="items">The stream.</param>
    /// <param name="convert">Makes a picture of an item.</param>
    /// <param name="cancellation">Given to the stream.</param>
    public static async IAsyncEnumerable<ImageSource> Of<T>(
        IAsyncEnumerable<T> items, Func<T, ImageSource> convert, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (T item in items.WithCancellation(cancellation).ConfigureAwait(false))
            yield return convert(item);
    }

    private static async Task<EmbeddingResult> ResultAsync(int index, Task<float[]> embedding)
    {
        try
        {
            return new EmbeddingResult(index, await embedding.ConfigureAwait(false), Error: null);
        }
        catch (ImageException failure)
        {
            return new EmbeddingResult(index, Embedding: null, failure.At(index));
        }
        catch (DinoException failure)
        {
            throw failure.At(index); // of the device: the pictures after it would fail, too
        }
    }

    /// <summary>
    /// Disposes the source. If it is still looking for its next picture, although it was told to stop, nobody waits for
    /// it.
    /// </summary>
    private static async ValueTask EndAsync(IAsyncEnumerator<ImageSource> pictures, Task<bool>? more)
    {
        if (more is null or { IsCompleted: true })
        {
            await pictures.DisposeAsync().ConfigureAwait(false);
            return;
        }

        _ = more.ContinueWith(
            static async (ended, source) =>
            {
                _ = ended.Exception; // nobody will ask for it
                await ((IAsyncEnumerator<ImageSource>)source!).DisposeAsync().ConfigureAwait(false);
            },
            pictures,
            TaskScheduler.Default);
    }
}
