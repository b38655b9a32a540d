using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Files;

/// <summary>
/// Waits until a file is on the disk, and fails if it does not get there. On Unix <see cref="FileStream.Flush(bool)"/>
/// and <see cref="RandomAccess.FlushToDisk"/> ignore every error of fsync (seen with .NET 10). But fsync is where a
/// network drive reports an exceeded quota and a failing disk reports a lost write.
/// </summary>
internal static partial class DiskFlush
{
    // errno.h; these are the same on Linux and macOS.
    private const int Interrupted = 4;
    private const int InvalidArgument = 22; // cannot be flushed, such as a pipe
    private const int ReadOnlyFileSystem = 30; // the same, by POSIX

    private static readonly int NotSupported = OperatingSystem.IsLinux() ? 95 : 45;

    /// <summary>Flushes the stream's buffer, the system's and the disk's.</summary>
    /// <param name="file">Any file. Nothing happens to one that is not on a disk, such as a pipe.</param>
    /// <exception cref="IOException">The disk is full or failing.</exception>
    public static void Run(FileStream file)
    {
        ArgumentNullException.ThrowIfNull(file);
        file.Flush();
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
            Synchronize(file.SafeFileHandle);
        if (!OperatingSystem.IsLinux())
            file.Flush(flushToDisk: true); // on macOS fsync does not flush the disk's own cache; this does
    }

    internal static void Synchronize(SafeFileHandle file)
    {
        while (NativeSynchronize(file) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is InvalidArgument or ReadOnlyFileSystem || error == NotSupported)
                return;
            if (error != Interrupted)
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }
    }

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int NativeSynchronize(SafeFileHandle file);
}
