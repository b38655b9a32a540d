namespace Dino.Gpu.Kernels.Simd;

/// <summary>Threads of one launch that work on the same rows, and the barrier between their phases.</summary>
internal unsafe struct Team
{
    /// <summary>Integers from one counter to the next: each on a cache line of its own.</summary>
    public const int CounterStride = 16;

    private readonly int* _arrivals;
    private int _target;

    /// <summary>Joins a team.</summary>
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
    /// Waits for the whole team. Every group of the launch has an operating system thread of its own, so all of them
    /// are running; a spinning barrier takes about a microsecond where a launch takes a hundred.
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
            // Yield to other programs only after a while: a sleeping thread costs more than the phases are long.
            if (i < 20_000)
                Thread.SpinWait(4);
            else
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>This thread's part of <paramref name="count"/> things: from Start up to, not including, End.</summary>
    public readonly (int Start, int End) Share(int count) =>
        ((int)((long)count * Index / Size), (int)((long)count * (Index + 1) / Size));
}
