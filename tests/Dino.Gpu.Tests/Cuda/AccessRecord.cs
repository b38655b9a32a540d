namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Who touched a piece of memory last, in 64 bits: launch (12), group (22), clock of the warp (18), thread (10), how
/// many threads (2). A record of another launch says nothing. See <see cref="Warp.Clock"/>: a barrier of the group
/// lifts the clocks of all its warps to one value that none had before.
/// </summary>
internal static class AccessRecord
{
    public const int Launches = 1 << 12;
    public const int MostGroups = 1 << 22;
    public const int MostClock = (1 << 18) - 1;

    private const ulong One = 0;
    private const ulong OneWarp = 1;
    private const ulong OneGroup = 2;
    private const ulong ManyGroups = 3;
    private const int ThreadShift = 2;
    private const int ClockShift = 12;
    private const int GroupShift = 30;
    private const int LaunchShift = 52;

    /// <summary>The record of one thread's access.</summary>
    public static ulong Of(int launch, int group, int clock, int thread) =>
        ((ulong)launch << LaunchShift) | ((ulong)group << GroupShift) | ((ulong)clock << ClockShift) | ((ulong)thread << ThreadShift) | One;

    /// <summary>
    /// Whether reads of several warps, or groups, are in it: another read of this launch adds nothing.
    /// </summary>
    public static bool IsOfSeveralWarps(ulong record) => (record & 3) >= OneGroup;

    /// <summary>Whether reads of several groups of this launch are in it.</summary>
    public static bool IsOfSeveralGroups(ulong record, ulong mine) => (record & 3) == ManyGroups
        && record >> LaunchShift == mine >> LaunchShift;

    /// <summary>Whether an earlier access comes before this one by a barrier, or is the same thread's.</summary>
    /// <param name="record">The earlier access.</param>
    /// <param name="mine">This access.</param>
    /// <param name="barrier">The clock right after the group's last barrier.</param>
    public static bool IsOrdered(ulong record, ulong mine, int barrier)
    {
        if (record >> LaunchShift != mine >> LaunchShift || record == mine)
            return true;
        ulong kind = record & 3;
        if (kind == ManyGroups || record >> GroupShift != mine >> GroupShift)
            return false;
        int clock = ClockOf(record);
        if (clock < barrier)
            return true;
        if (kind == OneGroup || WarpOf(record) != WarpOf(mine))
            return false;
        return (kind == One && ThreadOf(record) == ThreadOf(mine)) || clock < ClockOf(mine);
    }

    /// <summary>The record of all reads that no barrier orders, with this one.</summary>
    /// <param name="record">The reads so far.</param>
    /// <param name="mine">This read.</param>
    /// <param name="barrier">The clock right after the group's last barrier.</param>
    public static ulong Add(ulong record, ulong mine, int barrier)
    {
        if (record >> LaunchShift != mine >> LaunchShift)
            return mine;
        ulong kind = record & 3;
        if (kind == ManyGroups)
            return record;
        if (record >> GroupShift != mine >> GroupShift)
            return mine | ManyGroups;
        int clock = ClockOf(record);
        if (clock < barrier)
            return mine;
        if (kind == OneGroup || WarpOf(record) != WarpOf(mine))
            return (mine & ~(0x3ffUL << ThreadShift)) | OneGroup;
        if (clock < ClockOf(mine) || (kind == One && ThreadOf(record) == ThreadOf(mine)))
            return mine;
        return (mine & ~(0x1fUL << ThreadShift)) | OneWarp;
    }

    private static int ClockOf(ulong record) => (int)(record >> ClockShift) & MostClock;

    private static int ThreadOf(ulong record) => (int)(record >> ThreadShift) & 0x3ff;

    private static int WarpOf(ulong record) => (int)(record >> (ThreadShift + 5)) & 0x1f;
}
