using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// A context of the emulated driver: memory, streams and their work. Work is done late: when somebody waits for it, or
/// at seeded moments before. So host code that forgets to wait reads what is not there yet.
/// </summary>
internal sealed unsafe class CudaContext(int device, EmulatedCard card, EmulatorOptions options) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(options.Seed);
    private readonly Dictionary<nint, Queue<Action>> _streams = new() { [0] = new Queue<Action>() };
    private readonly Dictionary<nint, long> _pins = [];
    private nint _nextStream = 0x1000;

    public int Device => device;

    public EmulatedCard Card => card;

    /// <summary>Kernels that were loaded.</summary>
    public List<PtxProgram> Modules { get; } = [];

    /// <summary>Options of launches from now on.</summary>
    public EmulatorOptions Options { get; set; } = options;

    public DeviceMemory Memory { get; } = new();

    /// <summary>Bytes that allocations may take; more is refused.</summary>
    public long MemoryLimit { get; set; } = CudaDriver.MemorySize;

    /// <summary>What went wrong; every later call fails with it, as on a card.</summary>
    public CudaFault? Fault { get; private set; }

    /// <summary>Ranges of host memory that are locked.</summary>
    public int PinCount => _pins.Count;

    public int LaunchCount { get; private set; }

    /// <summary>Launches of each kernel, by its name.</summary>
    public Dictionary<string, int> Launches { get; } = [];

    public nint CreateStream(bool blocking)
    {
        lock (_lock)
        {
            if (blocking)
                throw new NotSupportedException("streams that wait for the default stream");
            _streams.Add(++_nextStream, new Queue<Action>());
            return _nextStream;
        }
    }

    public bool DestroyStream(nint stream)
    {
        lock (_lock)
        {
            if (stream == 0 || !_streams.ContainsKey(stream))
                return false;
            Drain(stream);
            return _streams.Remove(stream);
        }
    }

    /// <summary>Waits for a stream.</summary>
    public bool Synchronize(nint stream)
    {
        lock (_lock)
        {
            if (!_streams.ContainsKey(stream))
                return false;
            Drain(stream);
            return true;
        }
    }

    /// <summary>Waits for all streams.</summary>
    public void Synchronize()
    {
        lock (_lock)
        {
            nint[] streams = [.. _streams.Keys];
            _random.Shuffle(streams);
            foreach (nint stream in streams)
                Drain(stream);
        }
    }

    public bool Launch(
        PtxKernel kernel, (int X, int Y, int Z) grid, (int X, int Y, int Z) group, byte[] arguments, int shared, nint stream) =>
        Enqueue(stream, () =>
    {
        LaunchCount++;
        Launches[kernel.Program.Name] = Launches.GetValueOrDefault(kernel.Program.Name) + 1;
        if (card.FaultyTarget == kernel.Program.Target)
            throw new CudaFault(FaultKind.OutOfBounds, "a seeded fault");
        new Launch(kernel, Memory, arguments, Options, shared).Run(grid, group);
        if (card.ComputesWrongly || card.WrongTarget == kernel.Program.Target)
            Memory.Damage();
    });

    public bool Set(nint target, byte value, long length, nint stream) => Enqueue(stream, () =>
    {
        DeviceAllocation allocation = Find(target, length) ?? throw new CudaFault(FaultKind.Host,
            $"memset of {length} bytes at 0x{target:x}, which is no device memory");
        for (long done = 0; done < length; done += 1 << 30)
            new Span<byte>((byte*)target + done, (int)Math.Min(1 << 30, length - done)).Fill(value);
        allocation.Mark(target - allocation.Start, length, true);
    });

    /// <summary>
    /// Copies between host and device. What is not locked in memory is taken, and is there, before the call returns.
    /// </summary>
    public bool Copy(nint target, nint source, long length, nint stream)
    {
        bool toDevice = Find(target, length) is not null;
        bool fromDevice = Find(source, length) is not null;
        if (!toDevice && !fromDevice)
            throw new CudaFault(FaultKind.Host,
                $"a copy of {length} bytes from 0x{source:x} to 0x{target:x}, neither of which is device memory");
        if (!fromDevice && !IsPinned(source, length))
        {
            byte[] taken = new byte[length];
            Marshal.Copy(source, taken, 0, taken.Length);
            return Enqueue(stream, () => Write(target, taken));
        }

        bool queued = Enqueue(stream, () => Move(target, source, length));
        if (queued && !toDevice && !IsPinned(target, length))
            Synchronize(stream);
        return queued;
    }

    public bool Record(CudaEvent mark, nint stream)
    {
        mark.Stream = stream;
        mark.IsDone = false;
        int version = ++mark.Version;
        return Enqueue(stream, () =>
        {
            mark.IsDone |= version == mark.Version;
            mark.Time = Stopwatch.GetTimestamp();
        });
    }

    /// <summary>Works on the event's stream until the event is reached, and no further.</summary>
    public void Synchronize(CudaEvent mark)
    {
        lock (_lock)
        {
            while (!mark.IsDone && _streams.TryGetValue(mark.Stream, out Queue<Action>? queue) && queue.TryDequeue(out Action? work))
                Do(work);
        }
    }

    /// <summary>Whether an event is reached; a call that finds it is not works a little.</summary>
    public bool Query(CudaEvent mark)
    {
        lock (_lock)
        {
            if (!mark.IsDone && _streams[mark.Stream].TryDequeue(out Action? work))
                Do(work);
            return mark.IsDone;
        }
    }

    public bool Pin(nint start, long length)
    {
        lock (_lock)
            return _pins.TryAdd(start, length);
    }

    public bool Unpin(nint start)
    {
        lock (_lock)
        {
            Synchronize();
            return _pins.Remove(start);
        }
    }

    public bool Free(nint address)
    {
        Synchronize();
        return Memory.Free(address);
    }

    public void Dispose() => Memory.Dispose();

    private bool Enqueue(nint stream, Action work)
    {
        lock (_lock)
        {
            if (!_streams.TryGetValue(stream, out Queue<Action>? queue))
                return false;
            queue.Enqueue(work);
            // Now and then a stream gets on by itself.
            if (_random.Next(4) == 0)
            {
                Queue<Action> any = _streams.ElementAt(_random.Next(_streams.Count)).Value;
                for (int count = _random.Next(4); count > 0 && any.TryDequeue(out Action? next); count--)
                    Do(next);
            }

            return true;
        }
    }

    private void Drain(nint stream)
    {
        Queue<Action> queue = _streams[stream];
        while (queue.TryDequeue(out Action? work))
            Do(work);
    }

    private void Do(Action work)
    {
        if (Fault is not null)
            return;
        try
        {
            work();
        }
        catch (CudaFault fault)
        {
            Fault = fault;
        }
    }

    private DeviceAllocation? Find(nint address, long length) =>
        Memory.Find(address) is { } found && address + length <= found.Start + found.Length ? found : null;

    private bool IsPinned(nint address, long length)
    {
        lock (_lock)
        {
            foreach ((nint start, long size) in _pins)
            {
                if (address >= start && address + length <= start + size)
                    return true;
            }

            return false;
        }
    }

    private void Write(nint target, byte[] data)
    {
        DeviceAllocation allocation =
            Find(target, data.Length) ?? throw new CudaFault(FaultKind.Host, $"a copy to 0x{target:x}, which is no longer device memory");
        Marshal.Copy(data, 0, target, data.Length);
        allocation.Mark(target - allocation.Start, data.Length, true);
    }

    private void Move(nint target, nint source, long length)
    {
        const int Piece = 64;
        DeviceAllocation? to = Find(target, length);
        DeviceAllocation? from = Find(source, length);
        Buffer.MemoryCopy((void*)source, (void*)target, length, length);
        if (to is null)
            return;
        for (long done = 0; from is not null && done < length; done += Piece)
        {
            int size = (int)Math.Min(Piece, length - done);
            to.Mark(target + done - to.Start, size, from.IsWritten(source + done - from.Start, size));
        }

        if (from is null)
            to.Mark(target - to.Start, length, true);
    }
}

/// <summary>A place in a stream.</summary>
internal sealed class CudaEvent
{
    /// <summary>Whether the stream has reached it; one that was never recorded counts as reached.</summary>
    public bool IsDone { get; set; } = true;

    public nint Stream { get; set; }

    public int Version { get; set; }

    public long Time { get; set; }
}
