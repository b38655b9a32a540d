using System.Numerics;
using System.Runtime.Intrinsics;

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
            for (int i = 0; i < Warp.Size; i += Vector512<long>.Count)
                (Vector512.LoadAligned(values + i) + Vector512.Create(Offset)).StoreAligned(addresses + i);
        }
        else
        {
            uint* values = warp.Values<uint>(Base);
            for (int i = 0; i < Warp.Size; i += Vector512<uint>.Count)
            {
                (Vector512<ulong> low, Vector512<ulong> high) = Vector512.Widen(Vector512.LoadAligned(values + i));
                (low.AsInt64() + Vector512.Create(Offset)).StoreAligned(addresses + i);
                (high.AsInt64() + Vector512.Create(Offset)).StoreAligned(addresses + i + Vector512<long>.Count);
            }
        }
    }
}

/// <summary>Checked accesses of a lane, or of the lanes of a warp.</summary>
internal static unsafe class Access
{
    /// <summary>Lanes that are checked at once where they access bytes side by side.</summary>
    private const int Together = 8;
    private const uint AllTogether = (1u << Together) - 1;

    public static byte* Read(Warp warp, int lane, MemorySpace space, long address, int size, out bool defined)
    {
        if (space != MemorySpace.Global && IsShared(space, ref address))
            return warp.Group.Shared.Read(warp, lane, address, size, out defined);
        if (space != MemorySpace.Global && IsLocal(space, ref address))
            return warp.Local.Read(warp, lane, address, size, out defined);
        DeviceAllocation allocation = Allocation(warp, lane, address, size);
        long offset = address - allocation.Start;
        defined = allocation.IsWritten(offset, size);
        if (!allocation.Read(offset, size, warp.Group.Launch.Kernel.Global, warp.RecordOf(lane), warp.Group.BarrierClock))
            warp.Fail(FaultKind.Race, 1u << lane,
                $"byte {offset} of an allocation of {allocation.Length} is read, and another thread writes it");
        return (byte*)address;
    }

    /// <summary>Checks what lanes of a warp read.</summary>
    /// <param name="warp">The warp, with the addresses.</param>
    /// <param name="lanes">Which lanes.</param>
    /// <param name="space">Where.</param>
    /// <param name="size">Bytes of a lane.</param>
    /// <param name="from">For each of the lanes, where its bytes lie.</param>
    /// <returns>The lanes for which all bytes were written.</returns>
    public static uint Read(Warp warp, uint lanes, MemorySpace space, int size, byte** from)
    {
        uint defined = 0;
        byte* at = null;
        bool isWritten = false;
        long last = -1;
        int times = 0;
        for (int first = 0; first < Warp.Size; first += Together)
        {
            uint left = lanes & (AllTogether << first);
            bool isWhole = left == AllTogether << first;
            if (isWhole && AreSideBySide(warp, first, size) && TryRead(warp, first, space, size) is var place && place != null)
            {
                SideBySide(place, size).Store((long*)(from + first));
                defined |= left;
                continue;
            }

            // Once two lanes have read an address, others that do add nothing to what is known of it, unless it is their own.
            if (isWhole && !IsOwn(space, warp.Addresses[first]) && AreSideBySide(warp, first, 0))
            {
                for (int lane = first; lane < first + 2 && (times < 1 || warp.Addresses[first] != last); lane++)
                    at = Read(warp, lane, space, warp.Addresses[first], size, out isWritten);
                (last, times) = (warp.Addresses[first], 1);
                Vector512.Create((long)at).Store((long*)(from + first));
                defined |= isWritten ? left : 0;
                continue;
            }

            for (; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                times = warp.Addresses[lane] == last ? times + 1 : 0;
                if (times < 2 || IsOwn(space, last))
                    at = Read(warp, lane, space, last = warp.Addresses[lane], size, out isWritten);
                from[lane] = at;
                defined |= isWritten ? 1u << lane : 0;
            }
        }

        return defined;
    }

    /// <summary>Checks what lanes of a warp write.</summary>
    /// <param name="warp">The warp, with the addresses.</param>
    /// <param name="lanes">Which lanes.</param>
    /// <param name="space">Where.</param>
    /// <param name="size">Bytes of a lane.</param>
    /// <param name="defined">The lanes that write what has a value.</param>
    /// <param name="to">For each of the lanes, where its bytes lie.</param>
    public static void Write(Warp warp, uint lanes, MemorySpace space, int size, uint defined, byte** to)
    {
        for (int first = 0; first < Warp.Size; first += Together)
        {
            uint left = lanes & (AllTogether << first);
            if (left == AllTogether << first && (left & ~defined) == 0 && AreSideBySide(warp, first, size)
                && TryWrite(warp, first, space, size) is var place && place != null)
            {
                SideBySide(place, size).Store((long*)(to + first));
                continue;
            }

            for (; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                to[lane] = Write(warp, lane, space, warp.Addresses[lane], size, (defined >> lane & 1) != 0);
            }
        }
    }

    public static byte* Write(Warp warp, int lane, MemorySpace space, long address, int size, bool defined)
    {
        if (space != MemorySpace.Global && IsShared(space, ref address))
            return warp.Group.Shared.Write(warp, lane, address, size, defined);
        if (space != MemorySpace.Global && IsLocal(space, ref address))
            return warp.Local.Write(warp, lane, address, size, defined);
        DeviceAllocation allocation = Allocation(warp, lane, address, size);
        long offset = address - allocation.Start;
        if (!allocation.Write(offset, size, warp.Group.Launch.Kernel.Global, warp.RecordOf(lane), warp.Group.BarrierClock))
            warp.Fail(FaultKind.Race, 1u << lane,
                $"byte {offset} of an allocation of {allocation.Length} is written, and another thread reads or writes it");
        allocation.Mark(offset, size, defined);
        return (byte*)address;
    }

    /// <summary>Whether eight lanes access bytes that lie one behind the other.</summary>
    private static bool AreSideBySide(Warp warp, int first, int size) =>
        Vector512.LoadAligned(warp.Addresses + first) == SideBySide((byte*)warp.Addresses[first], size);

    private static Vector512<long> SideBySide(byte* first, int size) => Vector512.Create((long)first) + Vector512<long>.Indices * size;

    /// <summary>Where the bytes of eight lanes lie that read side by side, if all is simple; otherwise null.</summary>
    private static byte* TryRead(Warp warp, int lane, MemorySpace space, int size)
    {
        long address = warp.Addresses[lane];
        if (space == MemorySpace.Shared)
            return warp.Group.Shared.TryRead(warp, lane, address, size, Together) ? warp.Group.Shared.Data + address : null;
        return space == MemorySpace.Global && warp.LastAllocation is { IsFreed: false } last && (address & (size - 1)) == 0
            && last.TryRead(
                address - last.Start, size, Together, warp.Group.Launch.Kernel.Global, warp.RecordOf(lane), warp.Group.BarrierClock)
            ? (byte*)address : null;
    }

    /// <summary>As <see cref="TryRead"/>, writes.</summary>
    private static byte* TryWrite(Warp warp, int lane, MemorySpace space, int size)
    {
        long address = warp.Addresses[lane];
        if (space == MemorySpace.Shared)
            return warp.Group.Shared.TryWrite(warp, lane, address, size, Together) ? warp.Group.Shared.Data + address : null;
        return space == MemorySpace.Global && warp.LastAllocation is { IsFreed: false } last && (address & (size - 1)) == 0
            && last.TryWrite(address - last.Start, size, Together, warp.Group.Launch.Kernel.Global, warp.RecordOf(lane))
            ? (byte*)address : null;
    }

    /// <summary>Whether each lane finds its own bytes there.</summary>
    private static bool IsOwn(MemorySpace space, long address) =>
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
