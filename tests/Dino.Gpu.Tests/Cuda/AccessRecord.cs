using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Who touched a piece of memory last, in 64 bits: launch (12), group (22), clock of the warp (18), thread (10), how
/// many threads (2). A record of another launch says nothing. See <see cref="Warp.Clock"/>: a barrier of the group
/// lifts the clocks of all its warps to one value that none had before.
/// </summary>
internal static unsafe class AccessRecord
{
    public const int Launches = 1 << 12;
    public const int MostGroups = 1 << 22;
    public const int MostClock = (1 << 18) - 1;

    /// <summary>Reads of several warps of a group: bit 1 of every kind from here on.</summary>
    public const ulong OneGroup = 2;

    /// <summary>Reads of several groups.</summary>
    public const ulong ManyGroups = 3;

    private const ulong One = 0;
    private const ulong OneWarp = 1;
    private const int ThreadShift = 2;
    private const int ClockShift = 12;
    private const int GroupShift = 30;
    private const int LaunchShift = 52;

    private static Vector256<ulong> TwoThreads => Vector256.Create(0UL, 0, 1UL << ThreadShift, 1UL << ThreadShift);

    private static Vector256<ulong> FourThreads => Vector256.Create(0UL, 1UL << ThreadShift, 2UL << ThreadShift, 3UL << ThreadShift);

    private static Vector256<ulong> Kinds => Vector256.Create(ManyGroups);

    private static Vector256<ulong> Lane => Vector256.Create(0x1fUL << ThreadShift);

    private static Vector256<ulong> Thread => Vector256.Create(0x3ffUL << ThreadShift);

    private static Vector256<ulong> InGroup => Vector256.Create(0x3e0UL << ThreadShift);

    private static Vector256<ulong> Clock => Vector256.Create((ulong)MostClock << ClockShift);

    /// <summary>The record of one thread's access.</summary>
    public static ulong Of(int launch, int group, int clock, int thread) =>
        ((ulong)launch << LaunchShift) | ((ulong)group << GroupShift) | ((ulong)clock << ClockShift) | OfThread(thread) | One;

    /// <summary>What a thread's number adds to a record.</summary>
    public static ulong OfThread(int thread) => (ulong)thread << ThreadShift;

    /// <summary>The least record of a launch.</summary>
    public static ulong LaunchOf(ulong record) => record >> LaunchShift << LaunchShift;

    /// <summary>How many pieces an aligned access has.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="granule">Logarithm of a piece.</param>
    public static int Pieces(int size, int granule) => Math.Max(1, size >> granule);

    /// <summary>How many pieces hold some of the bytes from an address on.</summary>
    public static int Pieces(long address, int bytes, int granule) => (int)((address + bytes - 1 >> granule) - (address >> granule)) + 1;

    /// <summary>Whether one of the records is not less than another.</summary>
    public static bool AnySince(ulong* records, int pieces, ulong since)
    {
        int i = 0;
        Vector256<ulong> least = Vector256.Create(since);
        for (; i + 4 <= pieces; i += 4)
        {
            if (Vector256.GreaterThanOrEqualAny(Vector256.Load(records + i), least))
                return true;
        }

        for (; i < pieces; i++)
        {
            if (records[i] >= since)
                return true;
        }

        return false;
    }

    /// <summary>Records reads of pieces that lie side by side, by one thread or by several that follow each other.</summary>
    /// <param name="reads">The records.</param>
    /// <param name="pieces">How many: one, two, or a multiple of four.</param>
    /// <param name="each">How many of them a thread reads, a power of two.</param>
    /// <param name="since">The least record of an access that may matter.</param>
    /// <param name="many">The kind to which one more read adds nothing; higher kinds are alike.</param>
    /// <param name="mine">The record of the first thread's access.</param>
    /// <param name="barrier">The clock right after the group's last barrier.</param>
    public static void AddReads(ulong* reads, int pieces, int each, ulong since, ulong many, ulong mine, int barrier)
    {
        for (int i = 0; i < pieces && pieces < 4; i++)
        {
            ulong before = reads[i];
            if (before < since)
                reads[i] = mine + OfThread(i / each);
            else if ((before & many) != many)
                reads[i] = Add(before, mine + OfThread(i / each), barrier);
        }

        Vector256<ulong> least = Vector256.Create(since), kind = Vector256.Create(many);
        for (int i = 0; i + 4 <= pieces; i += 4)
        {
            Vector256<ulong> before = Vector256.Load(reads + i);
            if (Vector256.LessThanAny(before, least) || !Vector256.EqualsAll(before & kind, kind))
                AddFour(reads + i, mine + OfThread(i / each), each, since, barrier);
        }
    }

    /// <summary>Records writes of pieces, as <see cref="AddReads"/> does reads.</summary>
    public static void SetWrites(ulong* writes, int pieces, int each, ulong mine)
    {
        for (int i = 0; i < pieces; mine += OfThread(1))
        {
            for (int end = i + each; i < end; i++)
                writes[i] = mine;
        }
    }

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

    /// <summary>Adds a read of four pieces. Apart from <see cref="AddReads"/>, which keeps its vectors in registers so.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddFour(ulong* reads, ulong mine, int each, ulong since, int barrier)
    {
        Vector256<ulong> before = Vector256.Load(reads);
        Vector256<ulong> now = Vector256.Create(mine) + (each == 1 ? FourThreads : each == 2 ? TwoThreads : default);
        if (!Vector256.LessThanAll(before, Vector256.Create(since)))
            now = Add(before, now, barrier);
        now.Store(reads);
    }

    /// <summary>As <see cref="Add(ulong, ulong, int)"/>, four records.</summary>
    private static Vector256<ulong> Add(Vector256<ulong> records, Vector256<ulong> mine, int barrier)
    {
        Vector256<ulong> different = records ^ mine, clock = records & Clock;
        Vector256<ulong> otherWarp = ~Vector256.Equals(different & InGroup, Vector256<ulong>.Zero)
            | Vector256.Equals(records & Kinds, Vector256.Create(OneGroup));
        Vector256<ulong> fresh = Vector256.LessThan(clock, mine & Clock) | Vector256.Equals(different & ~Clock, Vector256<ulong>.Zero);
        Vector256<ulong> result = Vector256.ConditionalSelect(fresh, mine, (mine & ~Lane) | Vector256.Create(OneWarp));
        result = Vector256.ConditionalSelect(otherWarp, (mine & ~Thread) | Vector256.Create(OneGroup), result);
        result = Vector256.ConditionalSelect(Vector256.LessThan(clock, Vector256.Create((ulong)barrier << ClockShift)), mine, result);
        Vector256<ulong> sameGroup = Vector256.Equals(different >> GroupShift, Vector256<ulong>.Zero);
        result = Vector256.ConditionalSelect(sameGroup, result, mine | Kinds);
        result = Vector256.ConditionalSelect(Vector256.Equals(records & Kinds, Kinds), records, result);
        return Vector256.ConditionalSelect(Vector256.Equals(different >> LaunchShift, Vector256<ulong>.Zero), result, mine);
    }

    private static int ClockOf(ulong record) => (int)(record >> ClockShift) & MostClock;

    private static int ThreadOf(ulong record) => (int)(record >> ThreadShift) & 0x3ff;

    private static int WarpOf(ulong record) => (int)(record >> (ThreadShift + 5)) & 0x1f;
}
