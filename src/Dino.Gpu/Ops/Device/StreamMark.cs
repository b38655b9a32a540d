using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// A place in a stream that a thread can wait for while others queue more work behind it. On CUDA it is an event.
/// Elsewhere the thread waits for the whole stream, which is correct but may take longer.
/// </summary>
internal sealed class StreamMark : IDisposable
{
    private readonly AcceleratorStream _stream;
    private nint _event;

    /// <param name="stream">Must outlive the mark. The caller owns it.</param>
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

    /// <summary>Waits until what was marked is done.</summary>
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
        _ = CudaAPI.CurrentAPI.DestroyEvent(_event); // nothing to be done about a device that refuses
        _event = 0;
    }
}
