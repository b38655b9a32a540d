using System.Diagnostics;
using System.Runtime.InteropServices;
using Dino.Gpu.Tests.Kernels;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Stands between ILGPU and the system's OpenCL, and numbers the names in the source of each kernel anew. ILGPU counts
/// them through the whole process, so that the same kernel has another text in every test and run, and PoCL, which
/// keeps what it has compiled by its text, would compile it again each time: a second or more for each kernel and size
/// of a group. All other calls go to the system's library.
/// </summary>
internal static unsafe class OpenCLSources
{
    private const string Source = """
        #include <stddef.h>
        #include <dlfcn.h>
        typedef void *(*create)(void *, unsigned, const char **, const size_t *, int *);
        static const char *(*renumber)(const char *, long);
        void dino_set_renumber(const char *(*function)(const char *, long)) { renumber = function; }
        void *clCreateProgramWithSource(void *context, unsigned count, const char **sources, const size_t *lengths, int *error)
        {
          create next = (create)dlsym(dlopen("libOpenCL.so.1", RTLD_NOW), "clCreateProgramWithSource");
          if (count != 1 || !lengths || !lengths[0])
            return next(context, count, sources, lengths, error);
          const char *text = renumber(sources[0], (long)lengths[0]);
          return next(context, 1, &text, 0, error);
        }
        """;

    private static readonly Lazy<string?> Shim = new(Build);

    [ThreadStatic]
    private static nint _last;

    /// <summary>The library; null for the system's own, where there is no C compiler or no OpenCL.</summary>
    public static string? Library => Shim.Value;

    private static string? Build()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        string folder = Directory.CreateTempSubdirectory("dino-gpu-tests-opencl-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        try
        {
            string source = Path.Combine(folder, "opencl.c");
            string library = Path.Combine(folder, "libOpenCL.so");
            File.WriteAllText(source, Source);
            // What the library does not define is found in the one that it needs.
            using Process compiler = Process.Start(new ProcessStartInfo("cc",
                ["-shared", "-fPIC", "-O1", "-o", library, source, "-Wl,--no-as-needed", "-l:libOpenCL.so.1"])
            { RedirectStandardError = true })!;
            compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            if (compiler.ExitCode != 0 || !NativeLibrary.TryLoad(library, out nint loaded))
                return null;
            ((delegate* unmanaged<nint, void>)NativeLibrary.GetExport(loaded, "dino_set_renumber"))(
                (nint)(delegate* unmanaged<byte*, nint, nint>)&Renumber);
            return library;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>A new text, ended by NUL; it lives until the thread's next one.</summary>
    [UnmanagedCallersOnly]
    private static nint Renumber(byte* text, nint length)
    {
        Marshal.FreeCoTaskMem(_last);
        return _last = Marshal.StringToCoTaskMemUTF8(GpuKernels.Numbered(Marshal.PtrToStringUTF8((nint)text, (int)length)));
    }
}
