using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>The local memory of a warp's threads, with what is known of each byte. No thread sees that of another.</summary>
/// <param name="size">Bytes of a thread.</param>
internal sealed unsafe class LocalMemory(int size) : IDisposable
{
    private readonly byte* _data = (byte*)NativeMemory.AlignedAlloc((nuint)(Warp.Size * Stride(size)), 64);
    private readonly bool[] _written = new bool[Warp.Size * Stride(size)];

    /// <summary>Forgets everything.</summary>
    public void Reset() => Array.Clear(_written);

    /// <summary>Checks a read and tells whether all bytes were written.</summary>
    public byte* Read(Warp warp, int lane, long address, int bytes, out bool defined)
    {
        int place = Place(warp, lane, address, bytes);
        defined = !_written.AsSpan(place, bytes).Contains(false);
        return _data + place;
    }

    /// <summary>Checks a write and marks the bytes.</summary>
    public byte* Write(Warp warp, int lane, long address, int bytes, bool defined)
    {
        int place = Place(warp, lane, address, bytes);
        _written.AsSpan(place, bytes).Fill(defined);
        return _data + place;
    }

    public void Dispose() => NativeMemory.AlignedFree(_data);

    private int Place(Warp warp, int lane, long address, int bytes)
    {
        if ((ulong)address > (ulong)(size - bytes) || bytes > size)
            warp.Fail(FaultKind.OutOfBounds, 1u << lane, $"local address {address}, {bytes} bytes, of {size}");
        if ((address & (bytes - 1)) != 0)
            warp.Fail(FaultKind.Misaligned, 1u << lane, $"local address {address} is no multiple of {bytes}");
        return lane * Stride(size) + (int)address;
    }

    /// <summary>Bytes from one thread's memory to the next: all of it as aligned as the widest access needs.</summary>
    private static int Stride(int size) => (size + 15) / 16 * 16;
}
