namespace Dino.Gpu.Serving;

/// <summary>
/// Workers, such as devices, each with places for a few calls at a time. A call takes the place that has been free for
/// longest, and gives it back. A worker may be left out for good; one always remains. Thread-safe.
/// </summary>
internal sealed class WorkerPool<T>
    where T : class
{
    private readonly object _lock = new(); // a monitor: callers wait for pulses
    private readonly LinkedList<T> _free; // a worker once for each of its places
    private T[] _workers; // those that remain
    private bool _isClosed;

    /// <param name="workers">At least one.</param>
    /// <param name="places">How many calls a worker takes at a time.</param>
    public WorkerPool(IReadOnlyList<T> workers, Func<T, int> places)
    {
        _workers = [.. workers];
        // The first places of all workers come before any second place.
        _free = new LinkedList<T>(Enumerable.Range(0, workers.Max(places))
            .SelectMany(place => workers.Where(worker => place < places(worker))));
    }

    /// <summary>Those that remain, in their order.</summary>
    public IReadOnlyList<T> Workers => Volatile.Read(ref _workers);

    /// <summary>Takes a place, or waits for one.</summary>
    /// <param name="except">Workers that are not asked for.</param>
    /// <returns>The worker; null where no other remains.</returns>
    /// <exception cref="ObjectDisposedException">The pool is closed.</exception>
    public T? Take(IReadOnlyList<T> except)
    {
        lock (_lock)
        {
            while (true)
            {
                if (_isClosed)
                    throw new ObjectDisposedException("DinoEncoderGroup"); // users know the group, not this class
                if (_workers.All(except.Contains))
                    return null;
                for (LinkedListNode<T>? place = _free.First; place is not null; place = place.Next)
                {
                    if (!except.Contains(place.Value))
                    {
                        _free.Remove(place);
                        return place.Value;
                    }
                }

                Monitor.Wait(_lock);
            }
        }
    }

    /// <summary>Gives a place back.</summary>
    public void Return(T worker)
    {
        lock (_lock)
        {
            if (!_workers.Contains(worker))
                return;
            _free.AddLast(worker);
            Monitor.PulseAll(_lock); // some may wait for another worker
        }
    }

    /// <summary>Gives no more places of a worker. Calls that have one go on.</summary>
    /// <returns>Whether it is left out by this call: not if it was already, nor if no other remains.</returns>
    public bool LeaveOut(T worker)
    {
        lock (_lock)
        {
            if (_workers.Length == 1 || !_workers.Contains(worker))
                return false;
            Volatile.Write(ref _workers, [.. _workers.Where(other => other != worker)]);
            while (_free.Remove(worker))
            {
            }

            Monitor.PulseAll(_lock);
            return true;
        }
    }

    /// <summary>Refuses further calls, and those that wait for a place.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            Monitor.PulseAll(_lock);
        }
    }
}
