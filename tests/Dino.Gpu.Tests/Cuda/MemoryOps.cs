using System.Numerics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Where an address points.</summary>
internal enum MemorySpace
{
    Global,
    Shared,

    /// <summary>A thread's own.</summary>
    Local,

    /// <summary>Any: shared and local memory lie in windows of their own.</summary>
    Generic,
}

/// <summary>An address in an instruction.</summary>
/// <param name="Base">The register; index -1 for an address that is a number.</param>
/// <param name="Wide">Whether the register has 64 bits.</param>
/// <param name="Offset">What is added.</param>
internal readonly record struct Place(Reg Base, bool Wide, long Offset)
{
    /// <summary>Where generic addresses of shared memory begin: no allocation lies there.</summary>
    public const long SharedWindow = 0x7fff_ff00_0000_0000;

    /// <summary>Where those of local memory begin; they end before <see cref="SharedWindow"/>.</summary>
    public const long LocalWindow = 0x7fff_fe00_0000_0000;

    /// <summary>The addresses of all lanes of a mask.</summary>
    public unsafe void Read(Warp warp, uint lanes)
    {
        long* addresses = warp.Addresses;
        if (Base.Index < 0)
        {
            new Span<long>(addresses, Warp.Size).Fill(Offset);
            return;
        }

        warp.Require(lanes, Base);
        if (Wide)
        {
            long* values = warp.Values<long>(Base);
            for (int i = 0; i < Warp.Size; i++)
                addresses[i] = values[i] + Offset;
        }
        else
        {
            uint* values = warp.Values<uint>(Base);
            for (int i = 0; i < Warp.Size; i++)
                addresses[i] = values[i] + Offset;
        }
    }
}

/// <summary>Checked accesses of a lane.</summary>
internal static unsafe class Access
{
    public static byte* Read(Warp warp, int lane, MemorySpace space, long address, int size, out bool defined)
    {
        if (space != MemorySpace.Global && IsShared(space, ref address))
            return warp.Group.Shared.Read(warp, lane, address, size, out defined);
        if (space != MemorySpace.Global && IsLocal(space, ref address))
            return warp.Local.Read(warp, lane, address, size, out defined);
        DeviceAllocation allocation = Allocation(warp, lane, address, size);
        long offset = address - allocation.Start;
        defined = allocation.IsWritten(offset, size);
        int granule = warp.Group.Launch.Kernel.GlobalGranule;
        if (!allocation.Read(offset, size, granule, warp.Group.RecordOf(warp, lane), warp.Group.BarrierClock))
            warp.Fail(FaultKind.Race, 1u << lane,
                $"byte {offset} of an allocation of {allocation.Length} is read, and another thread writes it");
        return (byte*)address;
    }

    public static byte* Write(Warp warp, int lane, MemorySpace space, long address, int size, bool defined)
    {
        if (space != MemorySpace.Global && IsShared(space, ref address))
            return warp.Group.Shared.Write(warp, lane, address, size, defined);
        if (space != MemorySpace.Global && IsLocal(space, ref address))
            return warp.Local.Write(warp, lane, address, size, defined);
        DeviceAllocation allocation = Allocation(warp, lane, address, size);
        long offset = address - allocation.Start;
        int granule = warp.Group.Launch.Kernel.GlobalGranule;
        if (!allocation.Write(offset, size, granule, warp.Group.RecordOf(warp, lane), warp.Group.BarrierClock))
            warp.Fail(FaultKind.Race, 1u << lane,
                $"byte {offset} of an allocation of {allocation.Length} is written, and another thread reads or writes it");
        allocation.Mark(offset, size, defined);
        return (byte*)address;
    }

    /// <summary>Whether each lane finds its own bytes there.</summary>
    public static bool IsOwn(MemorySpace space, long address) =>
        space == MemorySpace.Local || (space == MemorySpace.Generic && address is >= Place.LocalWindow and < Place.SharedWindow);

    private static bool IsShared(MemorySpace space, ref long address)
    {
        if (space == MemorySpace.Shared)
            return true;
        if (space == MemorySpace.Local || address < Place.SharedWindow)
            return false;
        address -= Place.SharedWindow;
        return true;
    }

    private static bool IsLocal(MemorySpace space, ref long address)
    {
        if (space == MemorySpace.Local)
            return true;
        if (address < Place.LocalWindow)
            return false;
        address -= Place.LocalWindow;
        return true;
    }

    private static DeviceAllocation Allocation(Warp warp, int lane, long address, int size)
    {
        DeviceAllocation? last = warp.LastAllocation;
        if (last is null || last.IsFreed || address < last.Start || address + size > last.Start + last.Length)
        {
            last = warp.Group.Launch.Memory.Find(address);
            if (last is null)
                warp.Fail(FaultKind.OutOfBounds, 1u << lane, $"global address 0x{address:x}, {warp.Group.Launch.Memory.Describe(address)}");
            else if (address + size > last.Start + last.Length)
                warp.Fail(FaultKind.OutOfBounds, 1u << lane, $"{size} bytes at {address - last.Start} of an allocation of {last.Length}");
            warp.LastAllocation = last;
        }

        if ((address & (size - 1)) != 0)
            warp.Fail(FaultKind.Misaligned, 1u << lane, $"global address 0x{address:x} is no multiple of {size}");
        return last!;
    }
}

/// <summary>Loads one, two or four values.</summary>
internal sealed unsafe class LoadOp(MemorySpace space, Place place, int width, bool signed, Reg[] targets, bool wideTargets) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        place.Read(warp, lanes);
        int size = width * targets.Length;
        uint defined = 0;
        byte* from = null;
        bool written = false;
        long last = -1;
        int times = 0;
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            // Once two lanes have read an address, others that do add nothing to what is known of it, unless it is their own.
            int lane = BitOperations.TrailingZeroCount(left);
            times = warp.Addresses[lane] == last ? times + 1 : 0;
            if (times < 2 || Access.IsOwn(space, last))
                from = Access.Read(warp, lane, space, last = warp.Addresses[lane], size, out written);
            defined |= written ? 1u << lane : 0;
            if (width == 4 && !wideTargets)
            {
                for (int i = 0; i < targets.Length; i++)
                    warp.Values<uint>(targets[i])[lane] = ((uint*)from)[i];
                continue;
            }

            for (int i = 0; i < targets.Length; i++)
            {
                long value = width switch
                {
                    1 => signed ? ((sbyte*)from)[i] : from[i],
                    2 => signed ? ((short*)from)[i] : ((ushort*)from)[i],
                    4 => signed ? ((int*)from)[i] : ((uint*)from)[i],
                    _ => ((long*)from)[i],
                };
                if (wideTargets)
                    warp.Values<long>(targets[i])[lane] = value;
                else
                    warp.Values<int>(targets[i])[lane] = (int)value;
            }
        }

        foreach (Reg target in targets)
            warp.Defined[target.Index] = (warp.Defined[target.Index] & ~lanes) | defined;
    }
}

/// <summary>Stores one, two or four values.</summary>
internal sealed unsafe class StoreOp(MemorySpace space, Place place, int width, Reg[] sources, bool wideSources) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        place.Read(warp, lanes);
        uint defined = uint.MaxValue;
        foreach (Reg source in sources)
            defined &= warp.Defined[source.Index];
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            byte* to = Access.Write(warp, lane, space, warp.Addresses[lane], width * sources.Length, (defined >> lane & 1) != 0);
            for (int i = 0; i < sources.Length; i++)
            {
                long value = wideSources ? warp.Values<long>(sources[i])[lane] : warp.Values<uint>(sources[i])[lane];
                switch (width)
                {
                    case 1:
                        to[i] = (byte)value;
                        break;
                    case 2:
                        ((ushort*)to)[i] = (ushort)value;
                        break;
                    case 4:
                        ((uint*)to)[i] = (uint)value;
                        break;
                    default:
                        ((long*)to)[i] = value;
                        break;
                }
            }
        }
    }
}

/// <summary>Loads an argument of the kernel.</summary>
internal sealed unsafe class ParameterOp(int offset, int width, Reg target) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        ReadOnlySpan<byte> bytes = warp.Group.Launch.Arguments.AsSpan(offset, width);
        for (int lane = 0; lane < Warp.Size; lane++)
        {
            if ((lanes >> lane & 1) == 0)
                continue;
            if (width == 8)
                warp.Values<long>(target)[lane] = BitConverter.ToInt64(bytes);
            else
                warp.Values<uint>(target)[lane] =
                    width switch { 4 => BitConverter.ToUInt32(bytes), 2 => BitConverter.ToUInt16(bytes), _ => bytes[0] };
        }

        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>Begins a copy from global to shared memory; bytes beyond those of the source become zero.</summary>
internal sealed unsafe class CopyOp(Place target, Place source, int size, Reg sourceSize) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, sourceSize);
        target.Read(warp, lanes);
        long* targets = stackalloc long[Warp.Size];
        new ReadOnlySpan<long>(warp.Addresses, Warp.Size).CopyTo(new Span<long>(targets, Warp.Size));
        source.Read(warp, lanes);
        byte* data = stackalloc byte[16];
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            int taken = Math.Min((int)warp.Values<uint>(sourceSize)[lane], size);
            long address = warp.Addresses[lane];
            if ((address & (size - 1)) != 0)
                warp.Fail(FaultKind.Misaligned, 1u << lane, $"global address 0x{address:x} is no multiple of {size}");
            bool defined = true;
            new Span<byte>(data, 16).Clear();
            // Whole where it is whole; otherwise by bytes, so that nothing beyond is touched.
            int step = taken == size ? size : 1;
            for (int i = 0; i < taken; i += step)
            {
                byte* from = Access.Read(warp, lane, MemorySpace.Global, address + i, step, out bool written);
                Buffer.MemoryCopy(from, data + i, step, step);
                defined &= written;
            }

            warp.Group.Shared.BeginCopy(warp, lane, targets[lane], size);
            warp.Copies.Add(lane, targets[lane], new ReadOnlySpan<byte>(data, size), defined);
        }
    }
}

/// <summary>
/// Keeps a thread's accesses in order for others. Here they always are; it orders no two threads, which takes a barrier
/// or an atomic operation.
/// </summary>
internal sealed class FenceOp : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        // in order already
    }
}

/// <summary>Puts the copies begun so far under one commit.</summary>
internal sealed class CommitOp : PtxOp
{
    public override void Run(Warp warp, uint lanes) => warp.Copies.Commit(lanes);
}

/// <summary>Waits for all commits but the latest few.</summary>
internal sealed class WaitOp(int pending) : PtxOp
{
    public override void Run(Warp warp, uint lanes) => warp.Copies.Wait(warp, lanes, pending);
}
