using System.Numerics;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Loads one, two or four values.</summary>
internal sealed unsafe class LoadOp(MemorySpace space, Place place, int width, bool signed, Reg[] targets, bool wideTargets) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        place.Read(warp, lanes);
        int size = width * targets.Length;
        byte** from = stackalloc byte*[Warp.Size];
        uint defined = Access.Read(warp, lanes, space, size, from);
        if (width == 4 && targets.Length == 4 && lanes == uint.MaxValue && !wideTargets)
        {
            Transpose(warp, from);
        }
        else
        {
            for (int i = 0; i < targets.Length; i++)
            {
                if (wideTargets)
                    Widen(warp.Values<long>(targets[i]), lanes, from, i);
                else
                    Narrow(warp.Values<int>(targets[i]), lanes, from, i);
            }
        }

        foreach (Reg target in targets)
            warp.Defined[target.Index] = (warp.Defined[target.Index] & ~lanes) | defined;
    }

    /// <summary>Four values of each lane into four registers.</summary>
    private void Transpose(Warp warp, byte** from)
    {
        Vector512<uint> order = Vector512.Create(0u, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        uint* x = warp.Values<uint>(targets[0]), y = warp.Values<uint>(targets[1]);
        uint* z = warp.Values<uint>(targets[2]), w = warp.Values<uint>(targets[3]);
        for (int lane = 0; lane < Warp.Size; lane += 4)
        {
            Vector512<uint> values = Vector512.Create(
                Vector256.Create(Vector128.Load((uint*)from[lane]), Vector128.Load((uint*)from[lane + 1])),
                Vector256.Create(Vector128.Load((uint*)from[lane + 2]), Vector128.Load((uint*)from[lane + 3])));
            values = Vector512.Shuffle(values, order);
            values.GetLower().GetLower().StoreAligned(x + lane);
            values.GetLower().GetUpper().StoreAligned(y + lane);
            values.GetUpper().GetLower().StoreAligned(z + lane);
            values.GetUpper().GetUpper().StoreAligned(w + lane);
        }
    }

    private void Narrow(int* to, uint lanes, byte** from, int index)
    {
        if (width == 4 && lanes == uint.MaxValue)
        {
            for (int lane = 0; lane < Warp.Size; lane++)
                to[lane] = ((int*)from[lane])[index];
            return;
        }

        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = (int)Value(from[lane], index);
        }
    }

    private void Widen(long* to, uint lanes, byte** from, int index)
    {
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = Value(from[lane], index);
        }
    }

    private long Value(byte* from, int index) => width switch
    {
        1 => signed ? ((sbyte*)from)[index] : from[index],
        2 => signed ? ((short*)from)[index] : ((ushort*)from)[index],
        4 => signed ? ((int*)from)[index] : ((uint*)from)[index],
        _ => ((long*)from)[index],
    };
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
        byte** to = stackalloc byte*[Warp.Size];
        Access.Write(warp, lanes, space, width * sources.Length, defined, to);
        for (int i = 0; i < sources.Length; i++)
        {
            if (width == 4 && !wideSources)
            {
                uint* values = warp.Values<uint>(sources[i]);
                for (uint left = lanes; left != 0; left &= left - 1)
                    ((uint*)to[BitOperations.TrailingZeroCount(left)])[i] = values[BitOperations.TrailingZeroCount(left)];
                continue;
            }

            for (uint left = lanes; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                switch (width)
                {
                    case 1:
                        to[lane][i] = (byte)Value(warp, i, lane);
                        break;
                    case 2:
                        ((ushort*)to[lane])[i] = (ushort)Value(warp, i, lane);
                        break;
                    case 4:
                        ((uint*)to[lane])[i] = (uint)Value(warp, i, lane);
                        break;
                    default:
                        ((long*)to[lane])[i] = Value(warp, i, lane);
                        break;
                }
            }
        }
    }

    private long Value(Warp warp, int index, int lane) =>
        wideSources ? warp.Values<long>(sources[index])[lane] : warp.Values<uint>(sources[index])[lane];
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
