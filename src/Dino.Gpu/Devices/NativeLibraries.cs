using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace Dino.Gpu.Devices;

/// <summary>
/// Helps ILGPU find the driver libraries. ILGPU loads <c>libOpenCL.so</c> and <c>libcuda.so</c>. Many Linux machines
/// have them only under their versioned names; ILGPU then finds no device and does not say why.
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
        if (NativeLibrary.TryLoad(name, assembly, searchPath, out nint handle))
            return handle;
        foreach (string fallback in Fallbacks(name))
        {
            if (NativeLibrary.TryLoad(fallback, assembly, searchPath, out handle))
                return handle;
        }

        return 0;
    }

    private static string[] Fallbacks(string name) => !OperatingSystem.IsLinux()
        ? []
        : name switch
        {
            "OpenCL" => ["libOpenCL.so.1"],
            // The second is where the Windows subsystem for Linux keeps the driver.
            "cuda" => ["libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"],
            _ => [],
        };
}
