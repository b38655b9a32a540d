using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Files;

/// <summary>
/// Opens files that a program keeps for itself in a folder where others may write too. A link is never followed, and a
/// pipe or a device never waited for: either was planted.
/// </summary>
internal static partial class OwnFile
{
    internal const string IsLink = "it is a link, expected a file of its own";
    private const string DeleteLink = "delete the link, or choose another folder";

    // From Linux's fcntl.h, as in RegularFile. Other systems have no open() that can be called like this.
    private const int ReadWrite = 2;
    private const int Flags = 0x40 | 0x800 | 0x80000; // create, do not wait, close in children
    private const int NoFollow = 0x20000;
    private const int NoFollowArm = 0x8000;
    private const int OwnerAndReaders = 0b110_110_110; // less what the umask takes away

    /// <summary>Opens a file for reading and writing, making it if it is not there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bufferSize">Bytes that are written in one call.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="DinoException">It is a link, a pipe or a device.</exception>
    public static FileStream Open(string path, int bufferSize)
    {
        RefuseLink(path);
        if (!OperatingSystem.IsLinux())
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize);
        bool isArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64;
        int flags = ReadWrite | Flags | (isArm ? NoFollowArm : NoFollow);
        int descriptor = NativeOpen(Path.GetFullPath(path), flags, OwnerAndReaders);
        if (descriptor < 0)
            throw new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError());
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            var file = new FileStream(handle, FileAccess.ReadWrite, bufferSize);
            return file.CanSeek ? file : throw new DinoException($"cannot write {path}: it is a pipe or a device, expected a file");
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a name that is a link.</summary>
    /// <exception cref="DinoException">It is one.</exception>
    public static void RefuseLink(string path)
    {
        if (new FileInfo(path).LinkTarget is not null)
            throw new DinoException($"cannot write {path}: {IsLink}", DeleteLink);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags, int mode);
}
