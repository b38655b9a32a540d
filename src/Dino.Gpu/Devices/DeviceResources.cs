using ILGPU.Runtime;

namespace Dino.Gpu.Devices;

/// <summary>What a device holds: buffers, streams, locked pages.</summary>
internal static class DeviceResources
{
    /// <summary>
    /// Frees each of them. A CUDA device on which a kernel failed refuses every later call, those that free memory too.
    /// That is not told again: it would hide the failure, and keep what comes after it from being freed.
    /// </summary>
    /// <param name="resources">In the order in which they are freed; null for what was never made.</param>
    public static void Free(params ReadOnlySpan<IDisposable?> resources)
    {
        foreach (IDisposable? resource in resources)
        {
            try
            {
                resource?.Dispose();
            }
            catch (AcceleratorException)
            {
            }
        }
    }
}
