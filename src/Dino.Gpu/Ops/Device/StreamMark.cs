using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// A place in a stream that a thread can wait for while others queue more work after it. On CUDA it is an event.
/// Elsewhere the thread waits for the whole stream, which is correct but may take longer.
/// </summary>
internal sealed class StreamMark : IDisposable
{
    private readonly AcceleratorStream _stream;
    private nint _event;

    /// <param name="stream">The stream. The caller owns it, and it must outlive the mark.</param>
    public StreamMark(AcceleratorStream stream)
    {
        _stream = stream;
        if (stream is CudaStream)
        {
            using ScopedAcceleratorBinding binding = stream.BindScoped();
            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.CreateEvent(out _event, CudaEventFlags.CU_EVENT_DISABLE_TIMING));
        }
    }

    /// <summary>Marks the end of the work that is queued so far.</summary>
    public void Set()
    {
        if (_stream is CudaStream cuda)
        {
            using ScopedAcceleratorBinding binding = _stream.BindScoped();
            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.RecordEvent(_event, cuda.StreamPtr));
        }
    }

    /// <summary>Waits until the marked work is done.</summary>
    public void Wait()
    {
        if (_stream is CudaStream)
        {
            using ScopedAcceleratorBinding binding = _stream.BindScoped();
            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.SynchronizeEvent(_event));
        }
        else
        {
            _stream.Synchronize();
        }
    }

    public void Dispose()
    {
        if (_event == 0)
            return;
        using ScopedAcceleratorBinding binding = _stream.BindScoped();
        _ = CudaAPI.CurrentAPI.DestroyEvent(_event); // a device that refuses has already failed
        _event = 0;
    }
}
