using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace Dino.Gpu.Devices;

/// <summary>
/// Helps ILGPU find the driver libraries. ILGPU loads <c>libOpenCL.so</c> and <c>libcuda.so</c>. Many Linux machines
/// have them only under their versioned names; ILGPU then finds no device and does not say why. Others have a library
/// to link against under the name without a version, which finds no device either.
/// </summary>
internal static class NativeLibraries
{
    private static readonly Lazy<bool> Registration = new(Register);

    /// <summary>
    /// Gives the file of one of ILGPU's libraries (<c>cuda</c>, <c>OpenCL</c>), or null for the system's. Tests set it
    /// before the first device is looked for: an assembly has one resolver.
    /// </summary>
    internal static Func<string, string?>? Override { get; set; }

    /// <summary>
    /// Registers the fallback names once. An assembly has one resolver for the life of the process: if the host program
    /// has registered its own for ILGPU, that one stays.
    /// </summary>
    public static void EnsureRegistered() => _ = Registration.Value;

    /// <summary>
    /// Why the CUDA driver that is installed does not start, as after an update of which the kernel module is still the
    /// old one; null where it starts, finds no card or is not there.
    /// </summary>
    public static unsafe string? CudaRefusal()
    {
        const int NoDevice = 100;
        const int StubLibrary = 34; // what development packages install to link against
        nint library = Resolve(OperatingSystem.IsWindows() ? "nvcuda" : "cuda", typeof(Context).Assembly, null);
        if (library == 0 || !NativeLibrary.TryGetExport(library, "cuInit", out nint initialize))
            return null;
        int error = ((delegate* unmanaged<int, int>)initialize)(0);
        if (error is 0 or NoDevice or StubLibrary)
            return null;
        nint text = 0;
        if (NativeLibrary.TryGetExport(library, "cuGetErrorString", out nint describe))
            _ = ((delegate* unmanaged<int, nint*, int>)describe)(error, &text);
        return $"the CUDA driver does not start: {Marshal.PtrToStringUTF8(text) ?? "error"} ({error})";
    }

    /// <summary>
    /// Lets a CUDA kernel take more shared memory than the usual 48 KiB; ILGPU's binding lacks this call.
    /// </summary>
    /// <param name="function">The kernel. Its context is current.</param>
    /// <param name="bytes">What a launch gives it.</param>
    /// <returns>The driver's error code; 0 for none.</returns>
    public static unsafe int AllowSharedMemory(nint function, int bytes)
    {
        const int NotFound = 500;
        const int MostDynamicSharedMemory = 8;
        nint library = Resolve(OperatingSystem.IsWindows() ? "nvcuda" : "cuda", typeof(Context).Assembly, null);
        return library != 0 && NativeLibrary.TryGetExport(library, "cuFuncSetAttribute", out nint call)
            ? ((delegate* unmanaged<nint, int, int, int>)call)(function, MostDynamicSharedMemory, bytes)
            : NotFound;
    }

    private static bool Register()
    {
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // The host program was first.
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (Override?.Invoke(name) is { } file)
            return NativeLibrary.Load(file);
        foreach (string one in Names(name))
        {
            if (NativeLibrary.TryLoad(one, assembly, searchPath, out nint handle))
                return handle;
        }

        return 0;
    }

    /// <summary>Where a library is looked for, in this order.</summary>
    private static string[] Names(string name) => !OperatingSystem.IsLinux()
        ? [name]
        : name switch
        {
            "OpenCL" => ["libOpenCL.so.1", name],
            // The last is where the Windows subsystem for Linux keeps the driver.
            "cuda" => ["libcuda.so.1", name, "/usr/lib/wsl/lib/libcuda.so.1"],
            _ => [name],
        };
}
