using Dino.Gpu.Imaging;

namespace Dino.Gpu.Serving;

/// <summary>What an <see cref="EmbedQueue"/> works with.</summary>
internal sealed record QueueOptions
{
    /// <summary>Makes the model's input of a picture. Called on the thread pool.</summary>
    public required Func<ImageSource, RgbImage> Prepare { get; init; }

    /// <summary>Embeds prepared pictures: (images, hidden). Called on threads of the queue.</summary>
    public required Func<IReadOnlyList<RgbImage>, float[]> Forward { get; init; }

    /// <summary>The most pictures of a batch at this moment.</summary>
    public required Func<int> BatchSize { get; init; }

    /// <summary>Devices at this moment: so many batches compute at the same time.</summary>
    public Func<int> Devices { get; init; } = () => 1;

    /// <summary>
    /// The most batches under way at the same time, at this moment, those included that are uploaded.
    /// </summary>
    public Func<int> BatchesInFlight { get; init; } = () => 1;

    /// <summary>The most pictures of single calls that wait; further ones are refused.</summary>
    public int Limit { get; init; } = 1024;

    /// <summary>How long a picture that is ready may wait for others, if the device is free.</summary>
    public TimeSpan MaxBatchDelay { get; init; }

    /// <summary>The most pictures that are decoded at the same time.</summary>
    public int DecodeThreads { get; init; } = 1;

    /// <summary>How long a thread without work stays.</summary>
    public TimeSpan IdleTime { get; init; } = TimeSpan.FromSeconds(5);
}
