using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// One allocation. Its start is aligned to 256 bytes, as a driver's, and to no more; its bytes are 0xff until something
/// is written.
/// </summary>
internal sealed unsafe class DeviceAllocation : IDisposable
{
    private const int PageShift = 12;
    private const int PageSize = 1 << PageShift;
    private static readonly byte* AllWritten = (byte*)NativeMemory.AllocZeroed(1);

    private readonly Lock _lock = new();
    private readonly byte* _block;
    private readonly long _pageCount;
    private readonly byte** _written; // a byte for each byte of a page; null where nothing is written, AllWritten where everything is
    private readonly ulong*** _reads = (ulong***)NativeMemory.AllocZeroed(5, (nuint)sizeof(ulong**)); // by granule, then page
    private readonly ulong*** _writes = (ulong***)NativeMemory.AllocZeroed(5, (nuint)sizeof(ulong**));
    private readonly ConcurrentBag<nint> _retired = []; // others may still read them

    public DeviceAllocation(long length)
    {
        Length = length;
        _block = (byte*)NativeMemory.AlignedAlloc((nuint)length + 1024, 512);
        Start = (long)_block + 256;
        for (long done = 0; done < length; done += 1 << 30)
            new Span<byte>((byte*)Start + done, (int)Math.Min(1 << 30, length - done)).Fill(0xff);
        _pageCount = ((length - 1) >> PageShift) + 1;
        _written = (byte**)NativeMemory.AllocZeroed((nuint)_pageCount, (nuint)sizeof(byte*));
    }

    public long Start { get; }

    public long Length { get; }

    /// <summary>Whether the host has freed it; its memory is kept for a while.</summary>
    public bool IsFreed { get; set; }

    /// <summary>Whether all bytes of a piece were written.</summary>
    public bool IsWritten(long offset, long size)
    {
        for (long page = offset >> PageShift; page <= (offset + size - 1) >> PageShift; page++)
        {
            byte* written = _written[page];
            if (written == AllWritten)
                continue;
            long first = Math.Max(0, offset - (page << PageShift));
            long end = Math.Min(PageSize, offset + size - (page << PageShift));
            if (written == null || !ByteStates.AreAll(written + first, end - first, 1))
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

            ByteStates.Fill(OwnPage(page) + first, end - first, written ? (byte)1 : (byte)0);
        }
    }

    /// <summary>Records an aligned read.</summary>
    /// <returns>Whether no other thread wrote there without a barrier between.</returns>
    public bool Read(long offset, int size, Granules granules, ulong mine, int barrier)
    {
        bool ordered = true;
        ulong* writes = Records(_writes, granules.Writes, offset, create: false);
        for (int i = 0; i < AccessRecord.Pieces(size, granules.Writes) && writes != null; i++)
            ordered &= AccessRecord.IsOrdered(writes[i], mine, barrier);

        AddReads(offset, size, 1, granules, mine, barrier);
        return ordered;
    }

    /// <summary>Records an aligned write.</summary>
    /// <returns>Whether no other thread read or wrote there without a barrier between.</returns>
    public bool Write(long offset, int size, Granules granules, ulong mine, int barrier)
    {
        bool ordered = true;
        ulong* reads = Records(_reads, granules.Reads, offset, create: false);
        for (int i = 0; i < AccessRecord.Pieces(size, granules.Reads) && reads != null; i++)
            ordered &= AccessRecord.IsOrdered(reads[i], mine, barrier);
        ulong* writes = Records(_writes, granules.Writes, offset, create: true);
        for (int i = 0; i < AccessRecord.Pieces(size, granules.Writes); i++)
        {
            ordered &= AccessRecord.IsOrdered(writes[i], mine, barrier);
            writes[i] = mine;
        }

        return ordered;
    }

    /// <summary>
    /// Records the reads of threads that follow each other, of as many bytes each, where all of it is written, and not in
    /// this launch.
    /// </summary>
    /// <returns>Whether it is; otherwise nothing has changed.</returns>
    public bool TryRead(long offset, int size, int threads, Granules granules, ulong mine, int barrier)
    {
        if (!IsOnOnePage(offset, threads * size, granules) || !IsWritten(offset, (long)threads * size))
            return false;
        ulong* writes = Records(_writes, granules.Writes, offset, create: false);
        if (AnySince(writes, offset, threads * size, granules.Writes, mine))
            return false;
        AddReads(offset, size, threads, granules, mine, barrier);
        return true;
    }

    /// <summary>
    /// Records writes of what is defined, as <see cref="TryRead"/> does reads, where nobody reads or writes in this launch.
    /// </summary>
    public bool TryWrite(long offset, int size, int threads, Granules granules, ulong mine)
    {
        if (!IsOnOnePage(offset, threads * size, granules))
            return false;
        ulong* reads = Records(_reads, granules.Reads, offset, create: false);
        ulong* writes = Records(_writes, granules.Writes, offset, create: true);
        int bytes = threads * size;
        if (AnySince(writes, offset, bytes, granules.Writes, mine) || AnySince(reads, offset, bytes, granules.Reads, mine))
            return false;
        int each = AccessRecord.Pieces(size, granules.Writes);
        AccessRecord.SetWrites(writes, threads * each, each, mine);
        Mark(offset, (long)threads * size, true);
        return true;
    }

    public void ForgetAccesses() => EachRecordPage(static page => new Span<ulong>(page, PageSize).Clear());

    public void Dispose()
    {
        IsFreed = true;
        NativeMemory.AlignedFree(_block);
        for (long page = 0; page < _pageCount; page++)
        {
            if (_written[page] != AllWritten)
                NativeMemory.Free(_written[page]);
        }

        NativeMemory.Free(_written);
        foreach (nint page in _retired)
            NativeMemory.Free((void*)page);
        EachRecordPage(static page => NativeMemory.Free(page));
        for (int granule = 0; granule < 5; granule++)
        {
            NativeMemory.Free(_reads[granule]);
            NativeMemory.Free(_writes[granule]);
        }

        NativeMemory.Free(_reads);
        NativeMemory.Free(_writes);
    }

    private byte* OwnPage(long page)
    {
        lock (_lock)
        {
            byte* now = _written[page];
            if (now != null && now != AllWritten)
                return now;
            byte* own = (byte*)NativeMemory.Alloc(PageSize);
            new Span<byte>(own, PageSize).Fill(now == AllWritten ? (byte)1 : (byte)0);
            return _written[page] = own;
        }
    }

    /// <summary>Whether one of the records, if there are any, is of this launch.</summary>
    private static bool AnySince(ulong* records, long offset, int bytes, int granule, ulong mine) =>
        records != null && AccessRecord.AnySince(records, AccessRecord.Pieces(offset, bytes, granule), AccessRecord.LaunchOf(mine));

    private void AddReads(long offset, int size, int threads, Granules granules, ulong mine, int barrier)
    {
        int each = AccessRecord.Pieces(size, granules.Reads);
        AccessRecord.AddReads(
            Records(_reads, granules.Reads, offset, create: true), threads * each, each, AccessRecord.LaunchOf(mine),
            AccessRecord.ManyGroups, mine, barrier);
    }

    /// <summary>Whether bytes are inside, and their records on one page.</summary>
    private bool IsOnOnePage(long offset, int bytes, Granules granules) =>
        offset >= 0 && offset + bytes <= Length
            && IsOnOnePage(offset, bytes, granules.Reads) && IsOnOnePage(offset, bytes, granules.Writes);

    private static bool IsOnOnePage(long offset, int bytes, int granule) =>
        (offset >> granule) / PageSize == (offset + bytes - 1 >> granule) / PageSize;

    /// <summary>The records from an offset on; an aligned access's lie on one page. Null where there are none.</summary>
    private ulong* Records(ulong*** all, int granule, long offset, bool create)
    {
        long index = offset >> granule;
        ulong** pages = all[granule];
        ulong* page = pages == null ? null : pages[index >> PageShift];
        if (page == null)
        {
            if (!create)
                return null;
            page = AddRecords(all, granule, index >> PageShift);
        }

        return page + (index & (PageSize - 1));
    }

    private ulong* AddRecords(ulong*** all, int granule, long page)
    {
        lock (_lock)
        {
            if (all[granule] == null)
                all[granule] = (ulong**)NativeMemory.AllocZeroed((nuint)RecordPages(granule), (nuint)sizeof(ulong*));
            if (all[granule][page] == null)
                all[granule][page] = (ulong*)NativeMemory.AllocZeroed(PageSize, sizeof(ulong));
            return all[granule][page];
        }
    }

    private long RecordPages(int granule) => (Length >> (granule + PageShift)) + 1;

    private void EachRecordPage(RecordPageAction action)
    {
        for (int granule = 0; granule < 5; granule++)
        {
            for (long page = 0; page < RecordPages(granule); page++)
            {
                if (_reads[granule] != null && _reads[granule][page] != null)
                    action(_reads[granule][page]);
                if (_writes[granule] != null && _writes[granule][page] != null)
                    action(_writes[granule][page]);
            }
        }
    }

    private delegate void RecordPageAction(ulong* page);
}
