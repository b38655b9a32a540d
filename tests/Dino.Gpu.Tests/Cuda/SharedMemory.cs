using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>The shared memory of a thread group, with what is known of each byte.</summary>
internal sealed unsafe class SharedMemory : IDisposable
{
    private const byte Written = 1;
    private const byte InFlight = 2;

    private readonly int _size;
    private readonly int _granule;
    private readonly byte* _data;
    private readonly byte* _state;
    private readonly ulong* _reads;
    private readonly ulong* _writes;
    private readonly ProxyRecord? _proxy;

    /// <param name="size">Bytes.</param>
    /// <param name="granule">Logarithm of the smallest access: races are looked for in pieces of this size.</param>
    /// <param name="hasProducts">Whether wgmma reads it.</param>
    public SharedMemory(int size, int granule, bool hasProducts = false)
    {
        _proxy = hasProducts ? new ProxyRecord(size) : null;
        _size = size;
        _granule = granule;
        int room = (size + 127) / 64 * 64;
        _data = (byte*)NativeMemory.AlignedAlloc((nuint)room, 64);
        _state = (byte*)NativeMemory.AlignedAlloc((nuint)room, 64);
        _reads = (ulong*)NativeMemory.AllocZeroed((nuint)((size >> granule) + 1), sizeof(ulong));
        _writes = (ulong*)NativeMemory.AllocZeroed((nuint)((size >> granule) + 1), sizeof(ulong));
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        new Span<byte>(_data, _size).Fill(0xff);
        new Span<byte>(_state, _size).Clear();
        new Span<ulong>(_reads, (_size >> _granule) + 1).Clear();
        new Span<ulong>(_writes, (_size >> _granule) + 1).Clear();
        _proxy?.Reset();
    }

    /// <summary>Checks a read and tells whether all bytes were written.</summary>
    public byte* Read(Warp warp, int lane, long address, int size, out bool defined)
    {
        Check(warp, lane, address, size);
        defined = IsWritten(_state + address, size);
        if (!defined && new ReadOnlySpan<byte>(_state + address, size).Contains(InFlight))
            warp.Fail(FaultKind.CopyInFlight, 1u << lane, $"shared address {address} is read while a copy is on its way");

        // Records of earlier groups are gone, so those from before the barrier are the smaller ones.
        ulong floor = warp.Group.BarrierRecord;
        ulong* reads = _reads + (address >> _granule);
        ulong* writes = _writes + (address >> _granule);
        ulong* end = _reads + ((address + size - 1) >> _granule);
        for (; reads <= end; reads++, writes++)
        {
            if (*writes >= floor && !AccessRecord.IsOrdered(*writes, warp.Group.RecordOf(warp, lane), warp.Group.BarrierClock))
                warp.Fail(FaultKind.Race, 1u << lane,
                    $"shared address {address} is read, and another thread wrote it after the last barrier");
            if (*reads < floor || !AccessRecord.IsOfSeveralWarps(*reads))
                *reads = AccessRecord.Add(*reads, warp.Group.RecordOf(warp, lane), warp.Group.BarrierClock);
        }

        return _data + address;
    }

    /// <summary>Checks a write and marks the bytes.</summary>
    public byte* Write(Warp warp, int lane, long address, int size, bool defined)
    {
        Check(warp, lane, address, size);
        if (new ReadOnlySpan<byte>(_state + address, size).Contains(InFlight))
            warp.Fail(FaultKind.CopyInFlight, 1u << lane, $"shared address {address} is written while a copy is on its way");
        Claim(warp, lane, address, size);
        new Span<byte>(_state + address, size).Fill(defined ? Written : (byte)0);
        return _data + address;
    }

    /// <summary>A copy to this place begins: what was there is lost.</summary>
    public void BeginCopy(Warp warp, int lane, long address, int size)
    {
        Write(warp, lane, address, size, defined: false);
        new Span<byte>(_data + address, size).Fill(0xff);
        new Span<byte>(_state + address, size).Fill(InFlight);
    }

    /// <summary>A copy arrives, as a write of the thread that waited for it.</summary>
    public void EndCopy(Warp warp, int lane, long address, ReadOnlySpan<byte> data, bool defined)
    {
        Claim(warp, lane, address, data.Length);
        data.CopyTo(new Span<byte>(_data + address, data.Length));
        new Span<byte>(_state + address, data.Length).Fill(defined ? Written : (byte)0);
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
        ulong mine = warp.Group.RecordOf(warp, 0);
        for (long i = address >> _granule; i <= (address + ProxyRecord.Piece - 1) >> _granule; i++)
            _reads[i] = AccessRecord.Add(_reads[i], mine, warp.Group.BarrierClock);
    }

    /// <summary>Shows what threads have written to the proxy of wgmma (fence.proxy.async).</summary>
    public void Show(Warp warp, uint lanes) => _proxy?.Show(warp, lanes, _writes, _granule);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        NativeMemory.AlignedFree(_state);
        NativeMemory.Free(_reads);
        NativeMemory.Free(_writes);
    }

    private static bool IsWritten(byte* state, int size) => size switch
    {
        4 => *(uint*)state == 0x01010101,
        8 => *(ulong*)state == 0x0101010101010101,
        16 => *(ulong*)state == 0x0101010101010101 && ((ulong*)state)[1] == 0x0101010101010101,
        _ => new ReadOnlySpan<byte>(state, size).IndexOfAnyExcept(Written) < 0,
    };

    private void Claim(Warp warp, int lane, long address, int size)
    {
        ulong mine = warp.Group.RecordOf(warp, lane);
        if (_proxy is not null)
        {
            if (_proxy.IsRead(address, size))
                warp.Fail(FaultKind.ProductInFlight, 1u << lane, $"shared address {address} is written while a product reads it");
            _proxy.Write(warp, lane, address, size, mine);
        }

        ulong floor = warp.Group.BarrierRecord;
        int last = (int)((address + size - 1) >> _granule);
        for (int i = (int)(address >> _granule); i <= last; i++)
        {
            if (_writes[i] >= floor && !AccessRecord.IsOrdered(_writes[i], mine, warp.Group.BarrierClock))
                warp.Fail(FaultKind.Race, 1u << lane,
                    $"shared address {address} is written, and another thread wrote it after the last barrier");
            if (_reads[i] >= floor && !AccessRecord.IsOrdered(_reads[i], mine, warp.Group.BarrierClock))
                warp.Fail(FaultKind.Race, 1u << lane,
                    $"shared address {address} is written, and another thread read it after the last barrier");
            _writes[i] = mine;
        }
    }

    private void Check(Warp warp, int lane, long address, int size)
    {
        if ((ulong)address > (ulong)(_size - size) || size > _size)
            warp.Fail(FaultKind.OutOfBounds, 1u << lane, $"shared address {address}, {size} bytes, of {_size}");
        if ((address & (size - 1)) != 0)
            warp.Fail(FaultKind.Misaligned, 1u << lane, $"shared address {address} is no multiple of {size}");
    }
}
