using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Files;

/// <summary>
/// The system's number of the file behind a handle. Two names of one file, such as hard links, have equal identities.
/// .NET has no call for it.
/// </summary>
/// <param name="Device">The file system.</param>
/// <param name="Number">The file on it: the inode on Unix.</param>
internal readonly partial record struct FileIdentity(ulong Device, ulong Number)
{
    // linux/stat.h: this struct is the same on every architecture, unlike that of stat().
    private const int StatxLength = 256;
    private const int StatxInode = 32;
    private const int StatxDevice = 136; // major and minor, 32 bits each
    private const int EmptyPath = 0x1000; // the handle itself
    private const uint WantInode = 0x100;

    // sys/stat.h of macOS with 64-bit inodes.
    private const int MacStatLength = 256; // 144 and room to spare
    private const int MacInode = 8;

    // BY_HANDLE_FILE_INFORMATION
    private const int WindowsLength = 52;
    private const int WindowsVolume = 28;
    private const int WindowsIndex = 44; // high and low, 32 bits each

    /// <summary>Asks the system for the identity of an open file.</summary>
    /// <param name="file">The open file.</param>
    /// <exception cref="IOException">The system does not tell.</exception>
    public static FileIdentity Of(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux())
            return OfLinux(file);
        if (OperatingSystem.IsMacOS())
            return OfMac(file);
        if (OperatingSystem.IsWindows())
            return OfWindows(file);
        throw new IOException("this system's file numbers are not supported");
    }

    [SupportedOSPlatform("linux")]
    private static FileIdentity OfLinux(SafeFileHandle file)
    {
        byte[] stat = new byte[StatxLength];
        Require(Statx(file, "", EmptyPath, WantInode, stat) == 0);
        return new FileIdentity(BinaryPrimitives.ReadUInt64LittleEndian(stat.AsSpan(StatxDevice)), Read64(stat, StatxInode));
    }

    [SupportedOSPlatform("macos")]
    private static FileIdentity OfMac(SafeFileHandle file)
    {
        byte[] stat = new byte[MacStatLength];
        Require((RuntimeInformation.ProcessArchitecture == Architecture.X64 ? MacStatX64(file, stat) : MacStat(file, stat)) == 0);
        return new FileIdentity(BinaryPrimitives.ReadUInt32LittleEndian(stat), Read64(stat, MacInode));
    }

    [SupportedOSPlatform("windows")]
    private static FileIdentity OfWindows(SafeFileHandle file)
    {
        byte[] information = new byte[WindowsLength];
        Require(WindowsInformation(file, information) != 0);
        return new FileIdentity(
            BinaryPrimitives.ReadUInt32LittleEndian(information.AsSpan(WindowsVolume)), Read64(information, WindowsIndex));
    }

    private static ulong Read64(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(offset));

    private static void Require(bool success)
    {
        if (!success)
            throw new IOException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(SafeFileHandle file, string path, int flags, uint mask, [Out] byte[] stat);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    private static partial int MacStat(SafeFileHandle file, [Out] byte[] stat);

    [LibraryImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true)]
    private static partial int MacStatX64(SafeFileHandle file, [Out] byte[] stat);

    [LibraryImport("kernel32", EntryPoint = "GetFileInformationByHandle", SetLastError = true)]
    private static partial int WindowsInformation(SafeFileHandle file, [Out] byte[] information);
}
