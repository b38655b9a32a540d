using System.Runtime.InteropServices;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// Machine code made at run time, never writable and executable at one address. On Linux the first choice is a memory
/// file mapped twice, once to write and once to execute, as the .NET runtime does it for its own code; it also works in
/// a process that may not make memory executable later. The second is to write first and change the protection then. On
/// Windows the protection changes. Frees the memory when disposed.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const nint Failed = -1;
    private readonly nuint _length;
    private nint _address;

    private ExecutableMemory(nint address, nuint length, string way)
    {
        _address = address;
        _length = length;
        Name = way;
    }

    /// <summary>Start of the code.</summary>
    public nint Address => _address;

    /// <summary>How it became executable.</summary>
    public string Name { get; }

    /// <summary>A way to code that can run; null where the system refuses, with the reason as the last error.</summary>
    internal delegate ExecutableMemory? Way(ReadOnlySpan<byte> code);

    /// <summary>Those of this system, the first choice first.</summary>
    private static Way[] Ways => OperatingSystem.IsWindows() ? [WithVirtualProtect] : [WithMemoryFile, WithProtection];

    /// <summary>Copies code to where it can run.</summary>
    /// <param name="code">Machine code.</param>
    /// <param name="ways">What is tried, in order; null for those of this system. Tests give ways that refuse.</param>
    /// <exception cref="DinoException">The system refuses.</exception>
    public static ExecutableMemory Create(ReadOnlySpan<byte> code, Way[]? ways = null)
    {
        foreach (Way way in ways ?? Ways)
        {
            if (way(code) is { } memory)
                return memory;
        }

        throw Refused(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
    }

    /// <summary>Two mappings of a memory file; null where the system refuses.</summary>
    internal static ExecutableMemory? WithMemoryFile(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        nuint length = Pages(code.Length);
        int file = Linux.CreateMemoryFile("dino-kernels", Linux.CloseOnExec);
        if (file < 0)
            return null;
        try
        {
            if (Linux.Truncate(file, (nint)length) != 0)
                return null;
            nint writable = Linux.Map(0, length, Linux.Read | Linux.Write, Linux.Shared, file, 0);
            if (writable == Failed)
                return null;
            code.CopyTo(new Span<byte>((void*)writable, code.Length));
            _ = Linux.Unmap(writable, length);
            nint executable = Linux.Map(0, length, Linux.Read | Linux.Execute, Linux.Shared, file, 0);
            return executable == Failed ? null : new ExecutableMemory(executable, length, "memory file, mapped twice");
        }
        finally
        {
            _ = Linux.Close(file);
        }
    }

    /// <summary>Written first, made executable then; null where the system refuses.</summary>
    internal static ExecutableMemory? WithProtection(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        nuint length = Pages(code.Length);
        nint address = Linux.Map(0, length, Linux.Read | Linux.Write, Linux.Private | Linux.Anonymous, -1, 0);
        if (address == Failed)
            return null;
        code.CopyTo(new Span<byte>((void*)address, code.Length));
        if (Linux.Protect(address, length, Linux.Read | Linux.Execute) == 0)
            return new ExecutableMemory(address, length, "mprotect");
        int error = Marshal.GetLastPInvokeError();
        _ = Linux.Unmap(address, length);
        Marshal.SetLastPInvokeError(error);
        return null;
    }

    public void Dispose()
    {
        if (_address == 0)
            return;
        if (OperatingSystem.IsWindows())
            _ = Windows.Free(_address, 0, Windows.Release);
        else
            _ = Linux.Unmap(_address, _length);
        _address = 0;
    }

    private static ExecutableMemory? WithVirtualProtect(ReadOnlySpan<byte> code)
    {
        nuint length = Pages(code.Length);
        nint address = Windows.Allocate(0, length, Windows.Reserve | Windows.Commit, Windows.ReadWrite);
        if (address == 0)
            return null;
        code.CopyTo(new Span<byte>((void*)address, code.Length));
        if (Windows.Protect(address, length, Windows.ExecuteRead, out _) && Windows.Flush(-1, address, length))
            return new ExecutableMemory(address, length, "VirtualProtect");
        int error = Marshal.GetLastPInvokeError();
        _ = Windows.Free(address, 0, Windows.Release);
        Marshal.SetLastPInvokeError(error);
        return null;
    }

    private static DeviceException Refused(string reason) => new(
        $"the system refuses executable memory, which bf16 and int8 on the CPU need: {reason}", "use --precision fp32");

    private static nuint Pages(int length)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        return ((nuint)length + page - 1) & ~(page - 1);
    }

    private static partial class Linux
    {
        public const int Read = 1;
        public const int Write = 2;
        public const int Execute = 4;
        public const int Shared = 1;
        public const int Private = 2;
        public const int Anonymous = 0x20;
        public const uint CloseOnExec = 1;

        [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        public static partial int CreateMemoryFile(string name, uint flags);

        [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
        public static partial int Truncate(int file, nint length);

        [LibraryImport("libc", EntryPoint = "close")]
        public static partial int Close(int file);

        [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
        public static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
        public static partial int Protect(nint address, nuint length, int protection);

        [LibraryImport("libc", EntryPoint = "munmap")]
        public static partial int Unmap(nint address, nuint length);
    }

    private static partial class Windows
    {
        public const uint Commit = 0x1000;
        public const uint Reserve = 0x2000;
        public const uint Release = 0x8000;
        public const uint ReadWrite = 0x04;
        public const uint ExecuteRead = 0x20;

        [LibraryImport("kernel32", EntryPoint = "VirtualAlloc", SetLastError = true)]
        public static partial nint Allocate(nint address, nuint length, uint type, uint protection);

        [LibraryImport("kernel32", EntryPoint = "VirtualProtect", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool Protect(nint address, nuint length, uint protection, out uint before);

        [LibraryImport("kernel32", EntryPoint = "VirtualFree", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool Free(nint address, nuint length, uint type);

        [LibraryImport("kernel32", EntryPoint = "FlushInstructionCache", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool Flush(nint process, nint address, nuint length);
    }
}
