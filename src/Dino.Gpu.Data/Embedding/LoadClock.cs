namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Measures how long an image has been read and decoded. Waiting for room in memory does not count: it depends on the
/// other images and on the number of workers, and no row may depend on those. Time in which the process was stopped
/// does not count either. If an image never ends, its room can be taken back for those that wait for it.
/// </summary>
/// <param name="time">Of the run.</param>
internal sealed class LoadClock(RunningTime time)
{
    private const long Stopped = long.MaxValue;

    private long _since = Stopped; // everything after it counts
    private IDisposable? _room;
    private int _isAbandoned;

    public void Start() => Volatile.Write(ref _since, time.Elapsed.Ticks);

    public bool HasPassed(TimeSpan limit) =>
        Volatile.Read(ref _since) is var since and not Stopped && time.Elapsed.Ticks - since > limit.Ticks;

    /// <summary>Stops until there is room.</summary>
    /// <param name="enter">Waits for it.</param>
    /// <returns>The room.</returns>
    /// <exception cref="OperationCanceledException">Nobody waits for the image anymore.</exception>
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

    /// <summary>Marks the image as failed: its work may stop.</summary>
    public void Abandon() => Volatile.Write(ref _isAbandoned, 1);

    /// <summary>Gives back the room of an image that does not end.</summary>
    public void TakeRoomBack() => Volatile.Read(ref _room)?.Dispose();
}
