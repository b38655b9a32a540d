namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Runs the groups of a launch one after another on one host thread. Warps take turns in a seeded order, and a turn
/// ends at a seeded point.
/// </summary>
internal sealed class ThreadGroup : IDisposable
{
    private readonly Warp[] _warps;
    private int _number;

    public ThreadGroup(Launch launch)
    {
        Launch = launch;
        Shared = new SharedMemory(launch.SharedSize, launch.Kernel.Shared, launch.Kernel.HasProducts);
        _warps = new Warp[(launch.ThreadsOfGroup + Warp.Size - 1) / Warp.Size];
        for (int i = 0; i < _warps.Length; i++)
            _warps[i] = new Warp(launch.Kernel, this, i);
        if (launch.Kernel.HasProducts)
            Warpgroups = [.. Enumerable.Range(0, (_warps.Length + 3) / 4).Select(_ => new Warpgroup())];
    }

    public Launch Launch { get; }

    public SharedMemory Shared { get; }

    /// <summary>Four warps each; none where the kernel has no products of theirs.</summary>
    public Warpgroup[] Warpgroups { get; } = [];

    public int WarpCount => _warps.Length;

    public int X { get; private set; }

    public int Y { get; private set; }

    public int Z { get; private set; }

    /// <summary>The clock that all warps had right after the last barrier.</summary>
    public int BarrierClock { get; private set; }

    /// <summary>The least record of an access after the last barrier.</summary>
    public ulong BarrierRecord { get; private set; }

    public string Name => $"({X}, {Y}, {Z})";

    /// <summary>The lanes of a warp that exist; the last warp of a group may have fewer than 32.</summary>
    public uint LanesOf(int warp)
    {
        int lanes = Launch.ThreadsOfGroup - warp * Warp.Size;
        return lanes >= Warp.Size ? uint.MaxValue : (1u << lanes) - 1;
    }

    /// <summary>The record of a thread's access to shared or global memory.</summary>
    public ulong RecordOf(int clock, int thread) => AccessRecord.Of(Launch.Number, _number, clock, thread);

    public void Run(int x, int y, int z)
    {
        (X, Y, Z) = (x, y, z);
        _number = (z * Launch.GridY + y) * Launch.GridX + x;
        Shared.Reset();
        SetBarrier(1);
        var random = new Random(Launch.Seed ^ (_number * 7919));
        foreach (Warp warp in _warps)
            warp.Start(LanesOf(warp.Index));
        foreach (Warpgroup warpgroup in Warpgroups)
            warpgroup.Start();
        var order = (Warp[])_warps.Clone();
        while (true)
        {
            random.Shuffle(order);
            for (bool busy = true; busy;)
            {
                busy = false;
                foreach (Warp warp in order)
                {
                    if (warp.Done || warp.WaitsAt >= 0)
                        continue;
                    warp.Run(random.Next(8) == 0 ? random.Next(4) : int.MaxValue);
                    busy |= !warp.Done && warp.WaitsAt < 0;
                }
            }

            for (int i = 0; i < Warpgroups.Length; i++)
                Warpgroups[i].CheckThatAllAgree(_warps[4 * i]);
            if (Array.TrueForAll(_warps, warp => warp.Done))
                return;
            PassBarrier();
        }
    }

    public void Dispose()
    {
        foreach (Warp warp in _warps)
            warp.Dispose();
        Shared.Dispose();
    }

    private void SetBarrier(int clock)
    {
        BarrierClock = clock;
        BarrierRecord = RecordOf(clock, 0);
    }

    private void PassBarrier()
    {
        Warp first = Array.Find(_warps, warp => !warp.Done)!;
        foreach (Warp warp in _warps)
        {
            if (warp.Done)
                first.Fail(FaultKind.DivergentBarrier, 1, $"warp {warp.Index} left before a barrier at which others wait");
            if (warp.WaitsAt != first.WaitsAt)
                first.Fail(FaultKind.DivergentBarrier, 1, $"warp {warp.Index} waits at another barrier: '{warp.Current.Text}'");
        }

        SetBarrier(_warps.Max(warp => warp.Clock) + 1);
        if (BarrierClock >= AccessRecord.MostClock - 1024)
            throw new NotSupportedException("more barriers than records can count");
        foreach (Warp warp in _warps)
            warp.PassBarrier(BarrierClock);
    }
}
