namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// How long an image has been read and decoded. Waiting for room in memory does not count: how long that is depends on
/// the other images and on the number of workers, and no row may; nor does time in which the process was stopped. The
/// room of an image that never ends can be taken back, or those that wait for it would wait for ever.
/// </summary>
/// <param name="time">Of the run.</param>
internal sealed class LoadClock(RunningTime time)
{
    private const long Stopped = long.MaxValue;

    private long _since = Stopped; // the time from which on everything counts
    private IDisposable? _room;
    private int _isAbandoned;

    public void Start() => Volatile.Write(ref _since, time.Elapsed.Ticks);

    public bool HasPassed(TimeSpan limit) =>
        Volatile.Read(ref _since) is var since and not Stopped && time.Elapsed.Ticks - since > limit.Ticks;

    /// <summary>Stops until there is room.</summary>
    /// <param name="enter">Waits for it.</param>
    /// <returns>The room.</returns>
    /// <exception cref="OperationCanceledException">Nobody waits for the image any more.</exception>
    public IDisposable WaitFor(Func<IDisposable> enter)
    {
        if (Volatile.Read(ref _isAbandoned) != 0)
            throw new OperationCanceledException();
        long counted = time.Elapsed.Ticks - _since;
        Volatile.Write(ref _since, Stopped);
        IDisposable room = enter();
        Volatile.Write(ref _room, room);
        Volatile.Write(ref _since, time.Elapsed.Ticks - counted);
        return room;
    }

    /// <summary>The image has failed; what it has begun may end.</summary>
    public void Abandon() => Volatile.Write(ref _isAbandoned, 1);

    /// <summary>Takes back the room of an image that does not end.</summary>
    public void TakeRoomBack() => Volatile.Read(ref _room)?.Dispose();
}
