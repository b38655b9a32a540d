using System.Runtime.InteropServices;

namespace Dino.Gpu.Files;

/// <summary>The files that a process is started with.</summary>
internal static partial class StandardFile
{
    // From the systems' fcntl.h; these are the same on Linux and macOS.
    private const int GetFlags = 1;
    private const int CloseOnExec = 1;

    /// <summary>
    /// Whether the process was given a standard file. Where it was started with one closed (<c>&lt;&amp;-</c>), .NET
    /// gets its number for a pipe of its own, which nobody ever writes to. That pipe is closed at the start of another
    /// program; what came through a start is not.
    /// </summary>
    /// <param name="descriptor">0 for input, 1 for output.</param>
    public static bool IsOpen(int descriptor) =>
        OperatingSystem.IsWindows() || NativeControl(descriptor, GetFlags) is >= 0 and var flags && (flags & CloseOnExec) == 0;

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int NativeControl(int descriptor, int command);
}
