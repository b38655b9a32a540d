using System.Diagnostics;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Serving;

/// <summary>What encoders of one device and of several do alike for callers that wait on no thread.</summary>
internal static class EmbedCalls
{
    /// <summary>Makes the queue of an encoder.</summary>
    /// <param name="options">Limit, delay, threads.</param>
    /// <param name="prepare">Makes the model's input of a picture.</param>
    /// <param name="forward">Embeds prepared pictures: (images, hidden).</param>
    /// <param name="batchSize">The most pictures of a batch at this moment.</param>
    /// <param name="devices">Number of devices at this moment.</param>
    /// <param name="batchesInFlight">The most batches under way at the same time, at this moment.</param>
    public static EmbedQueue CreateQueue(
        DinoOptions options,
        Func<ImageSource, RgbImage> prepare,
        Func<IReadOnlyList<RgbImage>, float[]> forward,
        Func<int> batchSize,
        Func<int> devices,
        Func<int> batchesInFlight) => new(new QueueOptions
        {
            Prepare = prepare,
            Forward = forward,
            BatchSize = batchSize,
            Devices = devices,
            BatchesInFlight = batchesInFlight,
            Limit = options.QueueLimit,
            MaxBatchDelay = options.MaxBatchDelay,
            // One core is left to whoever answers the callers.
            DecodeThreads = options.DecodeThreads ?? Math.Max(1, Environment.ProcessorCount - 1),
        });

    /// <summary>Embeds one picture.</summary>
    /// <returns>(hidden)</returns>
    public static ValueTask<float[]> EmbedAsync(EmbedQueue queue, ImageSource image, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(image);
        return new ValueTask<float[]>(DinoTelemetry.Activities.HasListeners()
            ? TracedAsync(queue, image, cancellation)
            : queue.Add(image, isCounted: true, cancellation));
    }

    /// <summary>Loads a model on a thread of its own. When cancelled it ends at once, and what is loaded late is disposed.</summary>
    public static async Task<T> LoadAsync<T>(Func<T> load, CancellationToken cancellation)
        where T : IDisposable
    {
        Task<T> loading = Task.Factory.StartNew(
            load, cancellation, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        try
        {
            return await loading.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = loading.ContinueWith(
                static late =>
                {
                    if (late.IsCompletedSuccessfully)
                        late.Result.Dispose();
                    _ = late.Exception;
                },
                TaskScheduler.Default);
            throw;
        }
    }

    /// <summary>Frees an encoder without holding a thread of the pool while batches under way are finished.</summary>
    public static ValueTask DisposeAsync(Action dispose) => new(Task.Factory.StartNew(
        dispose, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default));

    private static async Task<float[]> TracedAsync(EmbedQueue queue, ImageSource image, CancellationToken cancellation)
    {
        using Activity? activity = DinoTelemetry.Activities.StartActivity("embed");
        try
        {
            return await queue.Add(image, isCounted: true, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (activity is not null)
        {
            activity.SetStatus(ActivityStatusCode.Error, failure.Message);
            activity.SetTag("error.type", DinoTelemetry.ErrorType(failure));
            throw;
        }
    }
}
