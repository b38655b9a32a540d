namespace Dino.Gpu.Checkpoints;

/// <summary>Follows the loading of a model: says how far it is, and ends it when asked to. Thread-safe.</summary>
/// <param name="progress">Told; null for nobody.</param>
/// <param name="cancellation">Asks for the end.</param>
internal sealed class LoadWatch(IProgress<DinoLoadProgress>? progress, CancellationToken cancellation)
{
    private readonly Lock _lock = new(); // reports in the order of their numbers
    private long _total;
    private long _done;

    /// <summary>Nobody follows.</summary>
    public static LoadWatch None { get; } = new(progress: null, CancellationToken.None);

    public CancellationToken Cancellation => cancellation;

    /// <summary>The weights are about to be read.</summary>
    /// <param name="bytes">Of all of them, in float32.</param>
    public void Begin(long bytes)
    {
        _total = bytes;
        progress?.Report(new DinoLoadProgress(DinoLoadStage.Weights, 0, bytes));
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>A tensor has been read.</summary>
    /// <param name="bytes">Of its values, in float32.</param>
    public void Read(long bytes)
    {
        if (progress is null)
            return;
        lock (_lock)
        {
            _done += bytes;
            progress.Report(new DinoLoadProgress(DinoLoadStage.Weights, _done, _total));
        }
    }

    /// <summary>The weights are there, and the device is about to be opened.</summary>
    public void OpensDevice()
    {
        progress?.Report(new DinoLoadProgress(DinoLoadStage.Device, _done, _total));
        cancellation.ThrowIfCancellationRequested();
    }
}
