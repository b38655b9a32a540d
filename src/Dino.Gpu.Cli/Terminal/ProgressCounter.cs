using System.Globalization;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// Counts images from its creation: how many are done, how many per second lately, and the time left at that rate.
/// </summary>
/// <param name="total">Images of the whole run; null if the list has no known end.</param>
/// <param name="doneBefore">Images that an earlier run did. They count as done, but not in the rate.</param>
/// <param name="failedBefore">How many of these failed.</param>
/// <param name="clock">The time; null for the system's.</param>
internal sealed class ProgressCounter(long? total, long doneBefore = 0, long failedBefore = 0, TimeProvider? clock = null)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly long _start = (clock ?? TimeProvider.System).GetTimestamp();
    private readonly Queue<(TimeSpan Time, long Done)> _window = new([default]); // every second what was done, oldest first
    private TimeSpan _newest;
    private long _last = (clock ?? TimeProvider.System).GetTimestamp();
    private long _done;
    private long _failed;

    public long? Total => total;

    public long Done => doneBefore + DoneNow;

    /// <summary>Images done since the start of the process.</summary>
    public long DoneNow => Interlocked.Read(ref _done);

    public long Failed => failedBefore + Interlocked.Read(ref _failed);

    public TimeSpan Elapsed => _clock.GetElapsedTime(_start);

    /// <summary>Time since the last image, or since the creation if there is none yet.</summary>
    public TimeSpan Idle => _clock.GetElapsedTime(Interlocked.Read(ref _last));

    /// <summary>Since the start.</summary>
    public double ImagesPerSecond => DoneNow / Math.Max(Elapsed.TotalSeconds, 1e-9);

    /// <summary>
    /// In the last half minute, or since the start if that is shorter: a machine that was busy an hour ago says nothing
    /// about the time left.
    /// </summary>
    public double RecentRate
    {
        get
        {
            lock (_window)
            {
                Forget();
                (TimeSpan time, long done) = _window.Peek();
                return (DoneNow - done) / Math.Max((Elapsed - time).TotalSeconds, 1e-9);
            }
        }
    }

    /// <summary>Null before the first image, while nothing gets done, and if the list has no known end.</summary>
    public TimeSpan? Remaining => total is { } end && RecentRate is > 0 and var rate ? TimeSpan.FromSeconds((end - Done) / rate) : null;

    public void Advance(bool failed)
    {
        if (failed)
            Interlocked.Increment(ref _failed);
        Interlocked.Increment(ref _done);
        Interlocked.Exchange(ref _last, _clock.GetTimestamp());
        lock (_window)
        {
            if (Elapsed - _newest < Step)
                return;
            _newest = Elapsed;
            _window.Enqueue((_newest, DoneNow));
            Forget();
        }
    }

    /// <summary>Such as <c>120/5000 images, 24.1 images/s, 3:22 left, 2 failed</c>.</summary>
    public override string ToString()
    {
        string count = total is { } all ? $"{Done}/{Quantity.Of(all, "image")}" : Quantity.Of(Done, "image");
        if (DoneNow == 0)
            return count;
        string left = Remaining is { } remaining ? $", {Clock(remaining)} left" : "";
        string failed = Failed == 0 ? "" : $", {Failed} failed";
        return string.Create(CultureInfo.InvariantCulture, $"{count}, {RecentRate:F1} images/s{left}{failed}");
    }

    /// <summary>Such as <c>3:22</c> or <c>1:03:22</c>.</summary>
    public static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");

    private void Forget()
    {
        while (_window.Count > 1 && Elapsed - _window.Peek().Time > Window)
            _window.Dequeue();
    }
}
