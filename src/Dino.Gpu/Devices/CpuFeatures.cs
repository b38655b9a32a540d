using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Dino.Gpu.Devices;

/// <summary>Instructions of this processor that .NET has no methods for, found by CPUID leaf 7.</summary>
internal static partial class CpuFeatures
{
    /// <summary>Products of bfloat16 in registers of 512 bits (AVX512_BF16).</summary>
    public static bool BFloat16 { get; } = HasVectors && Bit(subleaf: 1, register: 0, bit: 5);

    /// <summary>Products of bytes in registers of 512 bits (AVX512_VNNI).</summary>
    public static bool Int8 { get; } = HasVectors && Bit(subleaf: 0, register: 2, bit: 11);

    /// <summary>Products of tiles of bfloat16 and of bytes (AMX). On Linux, where this process has asked for the permission.</summary>
    public static bool Amx { get; } = BFloat16 && Int8 && OperatingSystem.IsLinux()
        && Bit(0, 3, 22) && Bit(0, 3, 24) && Bit(0, 3, 25) && AskForTiles();

    /// <summary>
    /// Avx512F.IsSupported also says that the system saves the 512-bit registers (XCR0), and that nobody switched them off.
    /// </summary>
    private static bool HasVectors =>
        Environment.Is64BitProcess && Avx512F.IsSupported && Avx512BW.IsSupported
        && (OperatingSystem.IsLinux() || OperatingSystem.IsWindows());

    /// <summary>A bit of EAX, EBX, ECX or EDX (0 to 3).</summary>
    private static bool Bit(int subleaf, int register, int bit)
    {
        if (X86Base.CpuId(0, 0).Eax < 7 || X86Base.CpuId(7, 0).Eax < subleaf)
            return false;
        (int eax, int ebx, int ecx, int edx) = X86Base.CpuId(7, subleaf);
        int value = register switch { 0 => eax, 1 => ebx, 2 => ecx, _ => edx };
        return ((value >> bit) & 1) != 0;
    }

    /// <summary>
    /// Linux saves the tiles' 8 KiB only for processes that ask (<c>arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)</c>,
    /// since 5.16). It refuses where a thread's signal stack would be too small for them.
    /// </summary>
    private static bool AskForTiles()
    {
        const long ArchPrctl = 158, Request = 0x1023, TileData = 18;
        return SystemCall(ArchPrctl, Request, TileData) == 0;
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, long first, long second);
}
