namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// What the proxy of wgmma knows of a group's shared memory. Threads write through the generic proxy, also with cp.async
/// without bulk; wgmma reads through the async proxy. PTX ISA, "Async Proxy": a fence.proxy.async has to stand between.
/// Here it has to be the writer's own, before the barrier: that is what the ISA's and NVIDIA's own code does.
/// </summary>
internal sealed unsafe class ProxyRecord(int size)
{
    /// <summary>Bytes that a product reads at once.</summary>
    public const int Piece = 16;

    private readonly bool[] _shown = new bool[size];
    private readonly int[] _readers = new int[size / Piece + 1];
    private readonly List<Entry> _unshown = [];

    public void Reset()
    {
        Array.Clear(_shown);
        Array.Clear(_readers);
        _unshown.Clear();
    }

    /// <summary>A thread writes.</summary>
    public void Write(Warp warp, int lane, long address, int bytes, ulong record)
    {
        _shown.AsSpan((int)address, bytes).Clear();
        _unshown.Add(new Entry(warp.Index * Warp.Size + lane, (int)address, bytes, record));
    }

    /// <summary>Shows what threads of a warp wrote, and nobody else has overwritten since.</summary>
    /// <param name="warp">Whose threads.</param>
    /// <param name="lanes">Which of them.</param>
    /// <param name="writes">The last write to each piece of memory.</param>
    /// <param name="granule">Logarithm of such a piece.</param>
    public void Show(Warp warp, uint lanes, ulong* writes, int granule)
    {
        int kept = 0;
        for (int i = 0; i < _unshown.Count; i++)
        {
            Entry entry = _unshown[i];
            if (entry.Thread / Warp.Size != warp.Index || (lanes >> (entry.Thread % Warp.Size) & 1) == 0)
                _unshown[kept++] = entry;
            else if (writes[entry.Address >> granule] == entry.Record)
                _shown.AsSpan(entry.Address, entry.Bytes).Fill(true);
        }

        _unshown.RemoveRange(kept, _unshown.Count - kept);
    }

    public bool IsShown(long address) => !_shown.AsSpan((int)address, Piece).Contains(false);

    public void BeginRead(long address) => _readers[address / Piece]++;

    public void EndRead(long address) => _readers[address / Piece]--;

    /// <summary>Whether a product may be reading some of it.</summary>
    public bool IsRead(long address, int bytes) =>
        _readers.AsSpan((int)(address / Piece), (int)((address + bytes - 1) / Piece - address / Piece) + 1).ContainsAnyExcept(0);

    private readonly record struct Entry(int Thread, int Address, int Bytes, ulong Record);
}
