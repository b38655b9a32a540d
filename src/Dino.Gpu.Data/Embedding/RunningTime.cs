using System.Diagnostics;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Measures how long the process has run. Time does not pass while it is stopped, as by Ctrl-Z, a scheduler or a frozen
/// container.
/// </summary>
internal sealed class RunningTime : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    /// <summary>What passes between two ticks at most; more is a standstill.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(1);

    private readonly Timer _timer;
    private long _last = Stopwatch.GetTimestamp();
    private long _ticks;

    public RunningTime()
    {
        _timer = new Timer(
            _ => Pass(Stopwatch.GetElapsedTime(Interlocked.Exchange(ref _last, Stopwatch.GetTimestamp()))), null, Tick, Tick);
    }

    /// <summary>So far, to a quarter of a second.</summary>
    public TimeSpan Elapsed => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    /// <summary>Adds the time between two ticks.</summary>
    internal void Pass(TimeSpan time) => Interlocked.Add(ref _ticks, Math.Min(time.Ticks, Most.Ticks));

    public void Dispose() => _timer.Dispose();
}
