using Dino.Gpu.Devices;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// Device memory that is kept from batch to batch. A request for more memory replaces it, and the contents are lost.
/// </summary>
internal sealed class GrowingBuffer<T>(Accelerator accelerator) : IDisposable
    where T : unmanaged
{
    private MemoryBuffer1D<T, Stride1D.Dense>? _buffer;

    /// <summary>
    /// Returns a view of exactly <paramref name="length"/> elements. For 0 it has one element, so that a kernel always
    /// gets an address.
    /// </summary>
    public ArrayView<T> Reserve(long length)
    {
        length = Math.Max(length, 1);
        if (_buffer == null || _buffer.Length < length)
        {
            if (_buffer != null)
                accelerator.Synchronize(); // kernels of an earlier pass may still be queued
            Release();
            _buffer = accelerator.Allocate1D<T>(length);
        }

        return _buffer.View.SubView(0, length).AsContiguous();
    }

    /// <summary>Frees the memory. No queued work may still need it. The next request allocates again.</summary>
    public void Release()
    {
        DeviceResources.Free(_buffer);
        _buffer = null;
    }

    public void Dispose() => Release();
}
