using System.Diagnostics;

namespace Dino.Gpu.Cli.Embedding;

/// <summary>
/// How long an image has been read and decoded. Waiting for room in memory does not count: how long that is depends on the other images and on the number of workers, and
/// no row may. The room of an image that is given up can be taken back, or those that wait for it would wait for ever.
/// </summary>
internal sealed class LoadClock
{
    private const long Stopped = long.MaxValue;

    private long _since = Stopped; // the time stamp from which on everything counts
    private IDisposable? _room;

    public void Start() => Volatile.Write(ref _since, Stopwatch.GetTimestamp());

    public bool HasPassed(TimeSpan limit) => Volatile.Read(ref _since) is var since and not Stopped && Stopwatch.GetElapsedTime(since) > limit;

    /// <summary>Stops until there is room.</summary>
    /// <param name="enter">Waits for it.</param>
    /// <returns>The room.</returns>
    public IDisposable WaitFor(Func<IDisposable> enter)
    {
        long counted = Stopwatch.GetTimestamp() - _since;
        Volatile.Write(ref _since, Stopped);
        IDisposable room = enter();
        Volatile.Write(ref _room, room);
        Volatile.Write(ref _since, Stopwatch.GetTimestamp() - counted);
        return room;
    }

    /// <summary>Takes back the room of an image that takes too long.</summary>
    public void GiveUp() => Volatile.Read(ref _room)?.Dispose();
}
