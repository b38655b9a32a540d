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
