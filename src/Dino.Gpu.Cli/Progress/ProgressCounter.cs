using System.Diagnostics;
using System.Globalization;

namespace Dino.Gpu.Cli.Progress;

/// <summary>Images done, rate and time left, counted from its creation.</summary>
internal sealed class ProgressCounter(int total)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private int _done;
    private int _failed;

    public int Total => total;

    public int Done => Volatile.Read(ref _done);

    public int Failed => Volatile.Read(ref _failed);

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    public double ImagesPerSecond => Done / Math.Max(Elapsed.TotalSeconds, 1e-9);

    public void Advance(bool failed)
    {
        if (failed)
            Interlocked.Increment(ref _failed);
        Interlocked.Increment(ref _done);
    }

    /// <summary>Such as <c>120/5000 images, 24.1 images/s, 3:22 left, 2 failed</c>.</summary>
    public override string ToString()
    {
        string failed = Failed == 0 ? "" : $", {Failed} failed";
        return Done == 0
            ? $"0/{total} images"
            : string.Create(CultureInfo.InvariantCulture, $"{Done}/{total} images, {ImagesPerSecond:F1} images/s, {Clock(Remaining)} left{failed}");
    }

    private TimeSpan Remaining => TimeSpan.FromSeconds((total - Done) / ImagesPerSecond);

    private static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");
}
