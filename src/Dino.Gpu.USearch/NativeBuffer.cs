using System.Runtime.InteropServices;

namespace Dino.Gpu.USearch;

/// <summary>Memory outside of the collector's, which may be longer than an array.</summary>
internal sealed unsafe class NativeBuffer : SafeHandle
{
    /// <param name="length">Bytes.</param>
    /// <exception cref="OutOfMemoryException">There are not as many.</exception>
    public NativeBuffer(long length)
        : base(0, ownsHandle: true)
    {
        Length = length;
        SetHandle((nint)NativeMemory.Alloc(checked((nuint)length)));
    }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    public override bool IsInvalid => handle == 0;

    /// <summary>Where it begins. It stays as long as this object is not disposed.</summary>
    public byte* Start => (byte*)handle;

    /// <summary>A part of it.</summary>
    public Span<byte> Part(long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + length, Length);
        return new Span<byte>(Start + start, length);
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}
