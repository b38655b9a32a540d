using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>The shared memory of a thread group, with what is known of each byte.</summary>
internal sealed unsafe class SharedMemory : IDisposable
{
    private const byte Written = 1;
    private const byte InFlight = 2;

    /// <summary>Logarithm of the bytes that one time of the latest write is kept for.</summary>
    private const int BlockShift = 9;

    private readonly int _size;
    private readonly Granules _granules;
    private readonly bool _hasWords;
    private readonly byte* _state;
    private readonly ulong* _reads;
    private readonly ulong* _writes;
    private readonly ulong[] _latestWrites; // of each block
    private readonly ProxyRecord? _proxy;

    /// <param name="size">Bytes.</param>
    /// <param name="granules">Of the kernel's accesses.</param>
    /// <param name="hasProducts">Whether wgmma reads it.</param>
    public SharedMemory(int size, Granules granules, bool hasProducts = false)
    {
        _proxy = hasProducts ? new ProxyRecord(size) : null;
        _size = size;
        _granules = granules;
        _hasWords = granules is { Reads: >= 2, Writes: 2 };
        int room = (size + 127) / 64 * 64;
        Data = (byte*)NativeMemory.AlignedAlloc((nuint)room, 64);
        _state = (byte*)NativeMemory.AlignedAlloc((nuint)room, 64);
        _reads = (ulong*)NativeMemory.AllocZeroed((nuint)((size >> granules.Reads) + 1), sizeof(ulong));
        _writes = (ulong*)NativeMemory.AllocZeroed((nuint)((size >> granules.Writes) + 1), sizeof(ulong));
        _latestWrites = new ulong[(size >> BlockShift) + 1];
    }

    /// <summary>Its bytes.</summary>
    public byte* Data { get; }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        new Span<byte>(Data, _size).Fill(0xff);
        new Span<byte>(_state, _size).Clear();
        new Span<ulong>(_reads, (_size >> _granules.Reads) + 1).Clear();
        new Span<ulong>(_writes, (_size >> _granules.Writes) + 1).Clear();
        Array.Clear(_latestWrites);
        _proxy?.Reset();
    }

    /// <summary>Checks a read of a lane and tells whether all bytes were written.</summary>
    public byte* Read(Warp warp, int lane, long address, int size, out bool defined)
    {
        Check(warp, lane, address, size);
        defined = ByteStates.AreAll(_state + address, size, Written);
        if (!defined && ByteStates.AnyHas(_state + address, size, InFlight))
            warp.Fail(FaultKind.CopyInFlight, 1u << lane, $"shared address {address} is read while a copy is on its way");

        ulong mine = warp.RecordOf(lane);
        if (IsWrittenSince(address, size, warp.Group.BarrierRecord))
        {
            ulong* writes = _writes + (address >> _granules.Writes);
            for (int i = 0; i < AccessRecord.Pieces(size, _granules.Writes); i++)
                RequireOrdered(warp, lane, writes[i], mine, address, "is read, and another thread wrote it");
        }

        AddReads(warp, mine, address, size, 1);
        return Data + address;
    }

    /// <summary>Checks a write of a lane and marks the bytes.</summary>
    public byte* Write(Warp warp, int lane, long address, int size, bool defined)
    {
        Check(warp, lane, address, size);
        if (size == sizeof(uint) && _hasWords && TryWriteWord(warp, lane, address, defined))
            return Data + address;
        if (ByteStates.AnyHas(_state + address, size, InFlight))
            warp.Fail(FaultKind.CopyInFlight, 1u << lane, $"shared address {address} is written while a copy is on its way");
        Claim(warp, lane, address, size);
        ByteStates.Fill(_state + address, size, defined ? Written : (byte)0);
        return Data + address;
    }

    /// <summary>
    /// Records the reads of threads that follow each other, of as many bytes each, where all of it was written before the
    /// last barrier.
    /// </summary>
    /// <returns>Whether it was; otherwise nothing has changed.</returns>
    public bool TryRead(Warp warp, int lane, long address, int size, int threads)
    {
        if (!IsInside(address, size, threads) || !ByteStates.AreAll(_state + address, threads * size, Written)
            || IsWrittenSince(address, threads * size, warp.Group.BarrierRecord))
            return false;
        AddReads(warp, warp.RecordOf(lane), address, size, threads);
        return true;
    }

    /// <summary>
    /// Records writes of what is defined, as <see cref="TryRead"/> does reads, where nobody has read or written since the last
    /// barrier and no wgmma could read.
    /// </summary>
    public bool TryWrite(Warp warp, int lane, long address, int size, int threads)
    {
        if (_proxy is not null || !IsInside(address, size, threads) || ByteStates.AnyHas(_state + address, threads * size, InFlight))
            return false;
        ulong since = warp.Group.BarrierRecord, mine = warp.RecordOf(lane);
        int each = AccessRecord.Pieces(size, _granules.Writes);
        if (IsWrittenSince(address, threads * size, since)
            || AnySince(_reads, address, threads * size, _granules.Reads, since))
            return false;
        AccessRecord.SetWrites(_writes + (address >> _granules.Writes), threads * each, each, mine);
        SetLatest(address, threads * size, mine);
        ByteStates.Fill(_state + address, threads * size, Written);
        return true;
    }

    /// <summary>A copy to this place begins: what was there is lost.</summary>
    public void BeginCopy(Warp warp, int lane, long address, int size)
    {
        Write(warp, lane, address, size, defined: false);
        new Span<byte>(Data + address, size).Fill(0xff);
        ByteStates.Fill(_state + address, size, InFlight);
    }

    /// <summary>A copy arrives, as a write of the thread that waited for it.</summary>
    public void EndCopy(Warp warp, int lane, long address, ReadOnlySpan<byte> data, bool defined)
    {
        Claim(warp, lane, address, data.Length);
        data.CopyTo(new Span<byte>(Data + address, data.Length));
        ByteStates.Fill(_state + address, data.Length, defined ? Written : (byte)0);
    }

    /// <summary>
    /// Reads 16 bytes for a product, which may do so until <see cref="EndProduct"/>: every thread's writes there have to be
    /// behind a barrier, and behind a fence of the writer's between the proxies.
    /// </summary>
    public byte* BeginProduct(Warp warp, long address)
    {
        byte* data = Read(warp, 0, address, ProxyRecord.Piece, out bool defined);
        if (!defined)
            warp.Fail(FaultKind.Uninitialized, 1, $"a product with shared address {address}, which nothing has written");
        if (!_proxy!.IsShown(address))
            warp.Fail(FaultKind.ProxyFence, 1, $"shared address {address} was written without fence.proxy.async before the barrier");
        _proxy.BeginRead(address);
        return data;
    }

    /// <summary>The product has read these 16 bytes; its warp knows.</summary>
    public void EndProduct(Warp warp, long address)
    {
        _proxy!.EndRead(address);
        ulong mine = warp.Record;
        for (long i = address >> _granules.Reads; i <= (address + ProxyRecord.Piece - 1) >> _granules.Reads; i++)
            _reads[i] = AccessRecord.Add(_reads[i], mine, warp.Group.BarrierClock);
    }

    /// <summary>Shows what threads have written to the proxy of wgmma (fence.proxy.async).</summary>
    public void Show(Warp warp, uint lanes) => _proxy?.Show(warp, lanes, _writes, _granules.Writes);

    public void Dispose()
    {
        NativeMemory.AlignedFree(Data);
        NativeMemory.AlignedFree(_state);
        NativeMemory.Free(_reads);
        NativeMemory.Free(_writes);
    }

    /// <summary>A write of four bytes, the most frequent one, of which there is one record: as <see cref="TryWrite"/>.</summary>
    private bool TryWriteWord(Warp warp, int lane, long address, bool defined)
    {
        ulong since = warp.Group.BarrierRecord, mine = warp.RecordOf(lane);
        ulong* write = _writes + (address >> _granules.Writes);
        uint* state = (uint*)(_state + address);
        if (_proxy is not null || *write >= since || _reads[address >> _granules.Reads] >= since || (*state & InFlight * 0x01010101u) != 0)
            return false;
        *write = mine;
        *state = defined ? Written * 0x01010101u : 0;
        ulong latest = _latestWrites[address >> BlockShift];
        if (latest < mine)
            _latestWrites[address >> BlockShift] = mine;
        return true;
    }

    private void Claim(Warp warp, int lane, long address, int size)
    {
        ulong mine = warp.RecordOf(lane);
        if (_proxy is not null)
        {
            if (_proxy.IsRead(address, size))
                warp.Fail(FaultKind.ProductInFlight, 1u << lane, $"shared address {address} is written while a product reads it");
            _proxy.Write(warp, lane, address, size, mine);
        }

        // Records of earlier groups are gone, so those from before the barrier are the smaller ones.
        ulong since = warp.Group.BarrierRecord;
        ulong* reads = _reads + (address >> _granules.Reads);
        ulong* writes = _writes + (address >> _granules.Writes);
        for (int i = 0; i < AccessRecord.Pieces(size, _granules.Reads); i++)
        {
            if (reads[i] >= since)
                RequireOrdered(warp, lane, reads[i], mine, address, "is written, and another thread read it");
        }

        for (int i = 0; i < AccessRecord.Pieces(size, _granules.Writes); i++)
        {
            if (writes[i] >= since)
                RequireOrdered(warp, lane, writes[i], mine, address, "is written, and another thread wrote it");
            writes[i] = mine;
        }

        SetLatest(address, size, mine);
    }

    private static void RequireOrdered(Warp warp, int lane, ulong record, ulong mine, long address, string what)
    {
        if (!AccessRecord.IsOrdered(record, mine, warp.Group.BarrierClock))
            warp.Fail(FaultKind.Race, 1u << lane, $"shared address {address} {what} after the last barrier");
    }

    private void AddReads(Warp warp, ulong mine, long address, int size, int threads)
    {
        int each = AccessRecord.Pieces(size, _granules.Reads);
        AccessRecord.AddReads(
            _reads + (address >> _granules.Reads), threads * each, each, warp.Group.BarrierRecord, AccessRecord.OneGroup, mine,
            warp.Group.BarrierClock);
    }

    /// <summary>Whether some of it may have been written since; the latest write of each block says mostly no.</summary>
    private bool IsWrittenSince(long address, int size, ulong since)
    {
        for (long block = address >> BlockShift; block <= (address + size - 1) >> BlockShift; block++)
        {
            if (_latestWrites[block] >= since)
                return AnySince(_writes, address, size, _granules.Writes, since);
        }

        return false;
    }

    private static bool AnySince(ulong* records, long address, int size, int granule, ulong since) =>
        AccessRecord.AnySince(records + (address >> granule), AccessRecord.Pieces(address, size, granule), since);

    private void SetLatest(long address, int size, ulong mine)
    {
        for (long block = address >> BlockShift; block <= (address + size - 1) >> BlockShift; block++)
            _latestWrites[block] = Math.Max(_latestWrites[block], mine);
    }

    private bool IsInside(long address, int size, int threads) =>
        address >= 0 && address + threads * size <= _size && (address & (size - 1)) == 0;

    private void Check(Warp warp, int lane, long address, int size)
    {
        if ((ulong)address > (ulong)(_size - size) || size > _size)
            warp.Fail(FaultKind.OutOfBounds, 1u << lane, $"shared address {address}, {size} bytes, of {_size}");
        if ((address & (size - 1)) != 0)
            warp.Fail(FaultKind.Misaligned, 1u << lane, $"shared address {address} is no multiple of {size}");
    }
}
