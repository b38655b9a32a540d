using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Memory of the emulated card: allocations that lie apart, each with what is known of its bytes.</summary>
internal sealed class DeviceMemory : IDisposable
{
    /// <summary>
    /// Bytes of freed allocations that are kept, so that no new one lies where somebody may still point.
    /// </summary>
    private const long MostFreed = 256 << 20;

    private readonly Lock _lock = new();
    private readonly Queue<DeviceAllocation> _freed = new();
    private long _freedBytes;
    private DeviceAllocation[] _live = []; // by address; replaced as a whole, so that readers need no lock
    private int _launch;

    /// <summary>Bytes of the live allocations.</summary>
    public long Used => _live.Sum(allocation => allocation.Length);

    public int Count => _live.Length;

    public DeviceAllocation Allocate(long length)
    {
        var allocation = new DeviceAllocation(length);
        lock (_lock)
            _live = [.. _live.Append(allocation).OrderBy(each => each.Start)];
        return allocation;
    }

    /// <summary>Frees the allocation that begins at an address.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Free(long address)
    {
        lock (_lock)
        {
            DeviceAllocation? allocation = Array.Find(_live, each => each.Start == address);
            if (allocation is null)
                return false;
            _live = [.. _live.Where(each => each != allocation)];
            allocation.IsFreed = true;
            _freed.Enqueue(allocation);
            _freedBytes += allocation.Length;
            while (_freedBytes > MostFreed)
            {
                DeviceAllocation oldest = _freed.Dequeue();
                _freedBytes -= oldest.Length;
                oldest.Dispose();
            }

            return true;
        }
    }

    /// <summary>The live allocation that holds an address; null where there is none.</summary>
    public DeviceAllocation? Find(long address)
    {
        DeviceAllocation[] live = _live;
        int low = 0;
        int high = live.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (address < live[middle].Start)
                high = middle - 1;
            else if (address >= live[middle].Start + live[middle].Length)
                low = middle + 1;
            else
                return live[middle];
        }

        return null;
    }

    /// <summary>Where an address lies that is in no allocation.</summary>
    public string Describe(long address) => Array.FindLast(_live, each => each.Start <= address) is { } below
        ? $"{address - below.Start - below.Length} bytes behind an allocation of {below.Length} bytes"
        : "before every allocation";

    /// <summary>Changes the first bit of every allocation.</summary>
    public unsafe void Damage()
    {
        foreach (DeviceAllocation allocation in _live)
            *(byte*)allocation.Start ^= 1;
    }

    /// <summary>The number of a launch, by which its accesses are told from others.</summary>
    public int NextLaunch()
    {
        lock (_lock)
        {
            if (++_launch == AccessRecord.Launches)
            {
                _launch = 1;
                foreach (DeviceAllocation allocation in _live)
                    allocation.ForgetAccesses();
            }

            return _launch;
        }
    }

    public void Dispose()
    {
        foreach (DeviceAllocation allocation in _live.Concat(_freed))
            allocation.Dispose();
        _live = [];
        _freed.Clear();
    }
}

/// <summary>
/// One allocation. Its start is aligned to 256 bytes, as a driver's, and to no more; its bytes are 0xff until something
/// is written.
/// </summary>
internal sealed unsafe class DeviceAllocation : IDisposable
{
    private const int PageShift = 12;
    private const int PageSize = 1 << PageShift;

    private readonly byte* _block;
    private readonly byte*[] _written; // a byte for each byte of a page; null where nothing is written, AllWritten where everything is
    private readonly ulong*[][] _reads = new ulong*[5][]; // by granule, then page
    private readonly ulong*[][] _writes = new ulong*[5][];
    private static readonly byte* AllWritten = (byte*)NativeMemory.AllocZeroed(1);

    public DeviceAllocation(long length)
    {
        Length = length;
        _block = (byte*)NativeMemory.AlignedAlloc((nuint)length + 1024, 512);
        Start = (long)_block + 256;
        for (long done = 0; done < length; done += 1 << 30)
            new Span<byte>((byte*)Start + done, (int)Math.Min(1 << 30, length - done)).Fill(0xff);
        _written = new byte*[((length - 1) >> PageShift) + 1];
    }

    public long Start { get; }

    public long Length { get; }

    /// <summary>Whether the host has freed it; its memory is kept for a while.</summary>
    public bool IsFreed { get; set; }

    /// <summary>Whether all bytes of a piece were written.</summary>
    public bool IsWritten(long offset, int size)
    {
        for (long page = offset >> PageShift; page <= (offset + size - 1) >> PageShift; page++)
        {
            byte* written = _written[page];
            if (written == AllWritten)
                continue;
            long first = Math.Max(0, offset - (page << PageShift));
            long end = Math.Min(PageSize, offset + size - (page << PageShift));
            if (written == null || new ReadOnlySpan<byte>(written + first, (int)(end - first)).Contains((byte)0))
                return false;
        }

        return true;
    }

    /// <summary>Marks bytes as written, or as holding what was not.</summary>
    public void Mark(long offset, long size, bool written)
    {
        for (long page = offset >> PageShift; page <= (offset + size - 1) >> PageShift; page++)
        {
            long first = Math.Max(0, offset - (page << PageShift));
            long end = Math.Min(PageSize, offset + size - (page << PageShift));
            byte* state = _written[page];
            if (written ? state == AllWritten : state == null)
                continue;
            if (written && first == 0 && (end == PageSize || (page << PageShift) + end == Length))
            {
                byte* old = _written[page];
                _written[page] = AllWritten;
                if (old != null)
                    _retired.Add((nint)old);
                continue;
            }

            new Span<byte>(OwnPage(page) + first, (int)(end - first)).Fill(written ? (byte)1 : (byte)0);
        }
    }

    /// <summary>Records a read.</summary>
    /// <returns>Whether no other thread wrote there without a barrier between.</returns>
    public bool Read(long offset, int size, int granule, ulong mine, int barrier)
    {
        bool ordered = true;
        for (long i = offset >> granule; i <= (offset + size - 1) >> granule; i++)
        {
            ulong* writes = Records(_writes, granule, i, create: false);
            ordered &= writes == null || AccessRecord.IsOrdered(*writes, mine, barrier);
            ulong* reads = Records(_reads, granule, i, create: true);
            ulong before = *reads;
            if (before != mine && !AccessRecord.IsOfSeveralGroups(before, mine))
                *reads = AccessRecord.Add(before, mine, barrier);
        }

        return ordered;
    }

    /// <summary>Records a write.</summary>
    /// <returns>Whether no other thread read or wrote there without a barrier between.</returns>
    public bool Write(long offset, int size, int granule, ulong mine, int barrier)
    {
        bool ordered = true;
        for (long i = offset >> granule; i <= (offset + size - 1) >> granule; i++)
        {
            ulong* reads = Records(_reads, granule, i, create: false);
            ulong* writes = Records(_writes, granule, i, create: true);
            ordered &= (reads == null || AccessRecord.IsOrdered(*reads, mine, barrier)) && AccessRecord.IsOrdered(*writes, mine, barrier);
            *writes = mine;
        }

        return ordered;
    }

    public void ForgetAccesses()
    {
        foreach (ulong*[] pages in _reads.Concat(_writes).Where(pages => pages is not null))
        {
            foreach (ulong* page in pages)
            {
                if (page != null)
                    new Span<ulong>(page, PageSize).Clear();
            }
        }
    }

    public void Dispose()
    {
        IsFreed = true;
        NativeMemory.AlignedFree(_block);
        foreach (byte* page in _written)
        {
            if (page != AllWritten)
                NativeMemory.Free(page);
        }

        foreach (nint page in _retired)
            NativeMemory.Free((void*)page);
        foreach (ulong*[] pages in _reads.Concat(_writes).Where(pages => pages is not null))
        {
            foreach (ulong* page in pages)
                NativeMemory.Free(page);
        }
    }

    private readonly System.Collections.Concurrent.ConcurrentBag<nint> _retired = []; // others may still read them

    private byte* OwnPage(long page)
    {
        byte* now = _written[page];
        if (now != null && now != AllWritten)
            return now;
        lock (_written)
        {
            now = _written[page];
            if (now != null && now != AllWritten)
                return now;
            byte* own = (byte*)NativeMemory.Alloc(PageSize);
            new Span<byte>(own, PageSize).Fill(now == AllWritten ? (byte)1 : (byte)0);
            return _written[page] = own;
        }
    }

    private ulong* Records(ulong*[][] all, int granule, long index, bool create)
    {
        ulong*[]? pages = all[granule];
        if (pages is null)
        {
            if (!create)
                return null;
            lock (all)
                pages = all[granule] ??= new ulong*[(Length >> (granule + PageShift)) + 1];
        }

        ulong* page = pages[index >> PageShift];
        if (page == null)
        {
            if (!create)
                return null;
            lock (all)
            {
                page = pages[index >> PageShift];
                if (page == null)
                    page = pages[index >> PageShift] = (ulong*)NativeMemory.AllocZeroed(PageSize, sizeof(ulong));
            }
        }

        return page + (index & (PageSize - 1));
    }
}
