using System.Diagnostics;
using System.Globalization;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Counts images from its creation: how many are done, how many per second, and the time left.</summary>
/// <param name="total">Images of the whole run; null if the list has no known end.</param>
/// <param name="doneBefore">Images that an earlier run did. They count as done, but not in the rate.</param>
/// <param name="failedBefore">How many of these failed.</param>
internal sealed class ProgressCounter(long? total, long doneBefore = 0, long failedBefore = 0)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _last = Stopwatch.GetTimestamp();
    private long _done;
    private long _failed;

    public long? Total => total;

    public long Done => doneBefore + DoneNow;

    /// <summary>Images done since the start of the process.</summary>
    public long DoneNow => Interlocked.Read(ref _done);

    public long Failed => failedBefore + Interlocked.Read(ref _failed);

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>Time since the last image, or since the creation if there is none yet.</summary>
    public TimeSpan Idle => Stopwatch.GetElapsedTime(Interlocked.Read(ref _last));

    public double ImagesPerSecond => DoneNow / Math.Max(Elapsed.TotalSeconds, 1e-9);

    /// <summary>Null before the first image, and if the list has no known end.</summary>
    public TimeSpan? Remaining => total is { } end && DoneNow > 0 ? TimeSpan.FromSeconds((end - Done) / ImagesPerSecond) : null;

    public void Advance(bool failed)
    {
        if (failed)
            Interlocked.Increment(ref _failed);
        Interlocked.Increment(ref _done);
        Interlocked.Exchange(ref _last, Stopwatch.GetTimestamp());
    }

    /// <summary>Such as <c>120/5000 images, 24.1 images/s, 3:22 left, 2 failed</c>.</summary>
    public override string ToString()
    {
        string count = total is null ? $"{Done} images" : $"{Done}/{total} images";
        if (DoneNow == 0)
            return count;
        string left = Remaining is { } remaining ? $", {Clock(remaining)} left" : "";
        string failed = Failed == 0 ? "" : $", {Failed} failed";
        return string.Create(CultureInfo.InvariantCulture, $"{count}, {ImagesPerSecond:F1} images/s{left}{failed}");
    }

    /// <summary>Such as <c>3:22</c> or <c>1:03:22</c>.</summary>
    public static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");
}
