using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Files;

/// <summary>
/// Opens regular files and nothing else. A named pipe, a socket or a device in a folder of pictures would block its
/// reader forever. A failure is one line with the reason. It does not name the path; the caller does.
/// </summary>
internal static partial class RegularFile
{
    // From the systems' fcntl.h. .NET opens without O_NONBLOCK, so a pipe without a writer would block the thread
    // forever.
    private const int LinuxNonBlocking = 0x800;
    private const int LinuxCloseOnExec = 0x80000;
    private const int MacNonBlocking = 0x4;
    private const int MacCloseOnExec = 0x1000000;

    // errno.h; these are the same on Linux and macOS.
    private const int NotPermitted = 1;
    private const int NoEntry = 2;
    private const int NoDeviceOrAddress = 6; // a socket
    private const int AccessDenied = 13;
    private const int NotADirectory = 20;
    private const int IsADirectory = 21;
    private const int InvalidArgument = 22; // a name that the file system does not take

    // These are not: too many links, too long a name, a name in another encoding, too large a file.
    private static readonly int[] LinuxFaults = [40, 36, 84, 75];
    private static readonly int[] MacFaults = [62, 63, 92, 84];

    // From statx(2), whose layout is the same on every processor.
    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const int TypeOnly = 1;
    private const int TimeAndSize = 0x40 | 0x200;
    private const int SizeOffset = 40;
    private const int SecondsOffset = 112;
    private const int NanosecondsOffset = 120;
    private const int NanosecondsPerTick = 100;
    private const int StatxBytes = 256;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int TypeRegular = 0x8000;
    private const int TypeDirectory = 0x4000;

    /// <summary>Opens a file for reading at any offset. Never blocks on something that is not a regular file.</summary>
    /// <param name="path">The file, or a link to it.</param>
    /// <returns>A handle that can seek; the caller disposes it.</returns>
    /// <exception cref="DinoException">
    /// The file does not exist, may not be read, or is a directory, a pipe, a socket or a device.
    /// </exception>
    /// <exception cref="SystemReadException">The system failed, whatever the file is.</exception>
    public static SafeFileHandle Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            throw new DinoException("no such file");
        if (Directory.Exists(path))
            throw new DinoException("is a directory, expected a file");

        SafeFileHandle handle = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() ? OpenNonBlocking(path) : OpenManaged(path);
        try
        {
            // Only a file that can seek has a length. Devices and the files of /proc can seek, report a length of 0,
            // and still have bytes.
            long length = RandomAccess.GetLength(handle);
            if (length == 0 && RandomAccess.Read(handle, stackalloc byte[1], 0) != 0)
                throw new DinoException("not a regular file");
            return handle;
        }
        catch (Exception failure) when (failure is NotSupportedException or IOException or UnauthorizedAccessException)
        {
            handle.Dispose();
            throw failure is NotSupportedException ? new DinoException("not a regular file", failure) : Failed(failure);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether <see cref="Open"/> can open a file: it may be read, and it is no directory, pipe, socket or device.
    /// </summary>
    /// <param name="path">The file, or a link to it.</param>
    public static bool CanOpen(string path)
    {
        try
        {
            Open(path).Dispose();
            return true;
        }
        catch (DinoException)
        {
            return false;
        }
    }

    /// <summary>Whether this name leads to a pipe, a socket or a device. Opens nothing.</summary>
    public static bool IsSpecial(string path)
    {
        if (OperatingSystem.IsLinux())
            return Type(path, followsLinks: true) is not (null or TypeRegular or TypeDirectory);
        return File.Exists(path) && new FileInfo(path).Length == 0 && !CanOpen(path);
    }

    /// <summary>Whether nothing has this name, not even a link that leads nowhere.</summary>
    public static bool IsMissing(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            return true;
        if (OperatingSystem.IsLinux())
            return Type(path) is null && Marshal.GetLastPInvokeError() is NoEntry or NotADirectory;
        return !Path.Exists(path) && !IsLink(path);
    }

    /// <summary>
    /// Bytes of a file and when it was last written, in UTC; null for what is not there. Opens nothing.
    /// </summary>
    /// <param name="path">The file; of a link the file behind it.</param>
    public static unsafe (long Size, DateTime Written)? Status(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            return null;
        if (OperatingSystem.IsLinux())
        {
            byte* status = stackalloc byte[StatxBytes];
            if (NativeStatus(CurrentDirectory, Path.GetFullPath(path), 0, TimeAndSize, status) != 0)
                return null;
            // A file may claim any time; those beyond .NET's are at its ends.
            long epoch = DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerSecond;
            long seconds = Math.Clamp(
                *(long*)(status + SecondsOffset), -epoch, DateTime.MaxValue.Ticks / TimeSpan.TicksPerSecond - epoch - 1);
            DateTime written = DateTime.UnixEpoch.AddTicks(
                seconds * TimeSpan.TicksPerSecond + *(uint*)(status + NanosecondsOffset) / NanosecondsPerTick);
            return (*(long*)(status + SizeOffset), written);
        }

        try
        {
            FileSystemInfo file = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) ?? new FileInfo(path);
            return file is FileInfo { Exists: true } found ? (found.Length, found.LastWriteTimeUtc) : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>A read of an open file that failed, as an exception to throw.</summary>
    internal static DinoException Failed(Exception failure)
    {
        string says = CannotBeRead(failure.Message);
        return failure is IOException ? new SystemReadException(says, failure) : new DinoException(says, failure);
    }

    internal static string CannotBeRead(string reason) => $"cannot be read: {reason.ReplaceLineEndings(" ")}";

    private static SafeFileHandle OpenNonBlocking(string path)
    {
        int flags = OperatingSystem.IsLinux() ? LinuxNonBlocking | LinuxCloseOnExec : MacNonBlocking | MacCloseOnExec; // O_RDONLY is 0
        int descriptor = NativeOpen(Path.GetFullPath(path), flags); // so that "a/../b" means "b", as everywhere in .NET
        if (descriptor >= 0)
            return new SafeFileHandle(descriptor, ownsHandle: true);

        int error = Marshal.GetLastPInvokeError();
        string says = CannotBeRead(Marshal.GetPInvokeErrorMessage(error));
        throw error switch
        {
            NoEntry or NotADirectory => new DinoException(IsLink(path) ? "is a link to a file that is not there" : Missing(path)),
            AccessDenied or NotPermitted => new DinoException("permission denied"),
            NoDeviceOrAddress => new DinoException("not a regular file"),
            IsADirectory or InvalidArgument => new DinoException(says),
            _ when (OperatingSystem.IsLinux() ? LinuxFaults : MacFaults).Contains(error) => new DinoException(says),
            _ => new SystemReadException(says),
        };
    }

    private static SafeFileHandle OpenManaged(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException or ArgumentException)
        {
            throw new DinoException("no such file", failure);
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new DinoException("permission denied", failure);
        }
        catch (NotSupportedException failure)
        {
            throw new DinoException("not a regular file", failure);
        }
        catch (PathTooLongException failure)
        {
            throw new DinoException(CannotBeRead(failure.Message), failure);
        }
        catch (IOException failure)
        {
            throw Failed(failure);
        }
    }

    /// <summary>
    /// The message for a missing file. A name that is not UTF-8 reaches .NET with U+FFFD in it, and no file has that
    /// name.
    /// </summary>
    private static string Missing(string path) => path.Contains('\uFFFD', StringComparison.Ordinal)
        ? "no such file; if its name is not valid UTF-8, rename it"
        : "no such file";

    private static bool IsLink(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget is not null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// The file type that Linux reports for a path, a link's own unless links are followed; null if it reports none.
    /// </summary>
    private static unsafe int? Type(string path, bool followsLinks = false)
    {
        byte* status = stackalloc byte[StatxBytes];
        return NativeStatus(CurrentDirectory, Path.GetFullPath(path), followsLinks ? 0 : NoFollow, TypeOnly, status) == 0
            ? *(ushort*)(status + ModeOffset) & TypeMask
            : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int NativeStatus(int folder, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags);
}
