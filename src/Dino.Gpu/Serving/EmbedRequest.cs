using System.Diagnostics;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Serving;

/// <summary>
/// One picture on its way through an <see cref="EmbedQueue"/>. Its task ends with the embedding, (hidden), or with why
/// there is none. What awaits the task runs on the thread pool, never on a thread of the queue.
/// </summary>
internal sealed class EmbedRequest : TaskCompletionSource<float[]>
{
    /// <param name="source">The picture.</param>
    /// <param name="isCounted">Whether it counts toward the limit of the queue.</param>
    public EmbedRequest(ImageSource source, bool isCounted)
        : base(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        Source = source;
        IsCounted = isCounted;
        Place = new LinkedListNode<EmbedRequest>(this);
    }

    /// <summary>Its place in the list that it waits in; in no list once it is in a batch or has ended.</summary>
    public LinkedListNode<EmbedRequest> Place { get; }

    /// <summary>The picture as it came; null once it is prepared.</summary>
    public ImageSource? Source { get; set; }

    /// <summary>What the model takes; null until it is prepared.</summary>
    public RgbImage? Picture { get; set; }

    /// <summary>Whether it counts toward the limit of the queue.</summary>
    public bool IsCounted { get; }

    /// <summary>When it came, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long Arrived { get; } = Stopwatch.GetTimestamp();

    /// <summary>When it was prepared, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long Ready { get; set; }

    /// <summary>The activity that asked for it, for links.</summary>
    public ActivityContext Caller { get; } = Activity.Current?.Context ?? default;

    /// <summary>What the caller's token calls.</summary>
    public CancellationTokenRegistration Cancellation { get; set; }

    public void Succeed(float[] embedding)
    {
        TrySetResult(embedding);
        Forget();
    }

    public void Fail(Exception failure)
    {
        TrySetException(failure);
        Forget();
    }

    /// <summary>
    /// Lets go of the caller's token, which may live long. Does not wait for a callback that is running: it may wait for
    /// the lock of the queue.
    /// </summary>
    public void Forget()
    {
        Cancellation.Unregister();
        Source = null;
        Picture = null;
    }
}
