using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Generated;

namespace Dino.Gpu.Tests.Kernels.Generated;

/// <summary>Machine code in memory that is never writable and executable at one address.</summary>
public sealed unsafe class ExecutableMemoryTests
{
    /// <summary>mov eax, 42; ret.</summary>
    private static readonly byte[] FortyTwo = [0xB8, 42, 0, 0, 0, 0xC3];

    [Fact]
    public void Each_way_runs_the_code()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "needs Linux on x64");
        foreach (ExecutableMemory? memory in new[]
        {
            ExecutableMemory.Create(FortyTwo), ExecutableMemory.WithMemoryFile(FortyTwo), ExecutableMemory.WithProtection(FortyTwo),
        })
        {
            using (memory)
                Assert.Equal(42, ((delegate* unmanaged[Cdecl]<int>)memory!.Address)());
        }
    }

    [Fact]
    public void Where_one_way_is_refused_the_next_is_taken()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "needs Linux on x64");
        using (ExecutableMemory memory = ExecutableMemory.Create(FortyTwo, [Refuse, ExecutableMemory.WithProtection]))
        {
            Assert.Equal("mprotect", memory.Name);
            Assert.Equal(42, ((delegate* unmanaged[Cdecl]<int>)memory.Address)());
        }

        DeviceException refusal = Assert.Throws<DeviceException>(() => ExecutableMemory.Create(FortyTwo, [Refuse, Refuse]));
        Assert.Equal(
            "the system refuses executable memory, which bf16 and int8 on the CPU need: Permission denied", refusal.Message);
        Assert.Equal("use --precision fp32", refusal.Hint);

        static ExecutableMemory? Refuse(ReadOnlySpan<byte> code)
        {
            const int PermissionDenied = 13; // EACCES
            Marshal.SetLastPInvokeError(PermissionDenied);
            return null;
        }
    }

    [Fact]
    public void No_page_is_writable_and_executable()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc/self/maps");
        using ExecutableMemory file = ExecutableMemory.WithMemoryFile(FortyTwo)!;
        using ExecutableMemory changed = ExecutableMemory.WithProtection(FortyTwo)!;
        foreach (nint address in new[] { file.Address, changed.Address })
            Assert.Contains("r-x", Mapping(address));
    }

    [Fact]
    public void Dispose_takes_the_mapping_away()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc/self/maps");
        int before = CountOfMappings();
        for (int i = 0; i < 1000; i++)
        {
            ExecutableMemory memory = ExecutableMemory.Create(FortyTwo);
            memory.Dispose();
            memory.Dispose();
        }

        Assert.InRange(CountOfMappings(), 0, before + 50); // other tests map files meanwhile
    }

    private static int CountOfMappings() =>
        File.ReadLines("/proc/self/maps").Count(line => line.Contains("dino-kernels", StringComparison.Ordinal));

    private static string Mapping(nint address)
    {
        string start = address.ToString("x", System.Globalization.CultureInfo.InvariantCulture) + "-";
        return File.ReadLines("/proc/self/maps").Single(line => line.StartsWith(start, StringComparison.Ordinal));
    }
}
