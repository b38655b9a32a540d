using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Dino.Gpu;

/// <summary>The device has no room for the request. Fewer images at a time may fit.</summary>
public sealed class DeviceMemoryException : DeviceException
{
    /// <summary>Creates the exception with its one-line message.</summary>
    public DeviceMemoryException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-line message and the failure that caused it.</summary>
    public DeviceMemoryException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception with its one-line message, what the user can do, and the cause.</summary>
    internal DeviceMemoryException(string message, string? hint, Exception? innerException)
        : base(message, hint, innerException)
    {
    }

    private protected override DinoException Again(string message) => new DeviceMemoryException(message, Hint, this);

    /// <summary>
    /// Whether a failure means that memory ran out. OpenCL drivers may allocate at first use, so a launch or a copy can
    /// fail with it too, not only an allocation. After any other driver error a retry would not help.
    /// </summary>
    internal static bool IsCause(Exception exception) => exception switch
    {
        DeviceMemoryException or OutOfMemoryException => true,
        CudaException cuda => cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException openCL => openCL.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES
            or CLError.CL_OUT_OF_HOST_MEMORY or CLError.CL_INVALID_BUFFER_SIZE,
        _ => false,
    };
}
