namespace Dino.Gpu.Kernels.Simd;

/// <summary>The threads of one launch that work on the same rows, and the barrier between their phases.</summary>
internal unsafe struct Team
{
    /// <summary>Integers from one counter to the next, so that each is on its own cache line.</summary>
    public const int CounterStride = 16;

    private readonly int* _arrivals;
    private int _target;

    /// <summary>Joins a thread to a team.</summary>
    /// <param name="size">Threads in the team.</param>
    /// <param name="index">This thread's place, from 0.</param>
    /// <param name="arrivals">The team's counter, zero when the launch starts.</param>
    public Team(int size, int index, int* arrivals)
    {
        Size = size;
        Index = index;
        _arrivals = arrivals;
    }

    public int Size { get; }

    public int Index { get; }

    /// <summary>
    /// Waits for the whole team. Every group of the launch has its own operating system thread. Where all of them run, a
    /// spinning barrier takes about a microsecond, while a launch takes a hundred. Where others have their cores, whoever
    /// waits gives its own away, which one of the team may need.
    /// </summary>
    public void Wait()
    {
        if (Size == 1)
            return;
        _target += Size;
        Interlocked.Increment(ref *_arrivals);
        var spin = default(SpinWait);
        for (int i = 0; Volatile.Read(ref *_arrivals) < _target; i++)
        {
            // Some 50 microseconds: longer than the parts of a team that runs differ, shorter than a slice of time that would be
            // burnt here while one of the team waits for a core. A yield is cheap where nobody else wants the core.
            if (i < 300)
                Thread.SpinWait(4);
            else
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>
    /// This thread's part of <paramref name="count"/> items: from Start up to, but not including, End.
    /// </summary>
    public readonly (int Start, int End) Share(int count) =>
        ((int)((long)count * Index / Size), (int)((long)count * (Index + 1) / Size));
}
