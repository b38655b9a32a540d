using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Dino.Gpu.Devices;

/// <summary>The name and the vector instructions of this machine's processor.</summary>
internal static class CpuDescription
{
    /// <summary>Describes the CPU as a device. Loads no driver.</summary>
    public static DeviceInfo Describe(bool isAutomaticChoice = false) => new()
    {
        Id = "cpu",
        Name = Name(),
        MemorySize = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        Driver = $"{RuntimeInformation.FrameworkDescription}, {Instructions()}",
        Family = KernelFamily.Simd,
        Precisions = PrecisionSupport.Cpu,
        Vectors = CpuVectors.Describe(CpuVectors.Widest),
        IsAutomaticChoice = isAutomaticChoice,
    };

    private static string Instructions() =>
        Avx512F.IsSupported ? "AVX-512"
        : Avx2.IsSupported && Fma.IsSupported ? "AVX2"
        : AdvSimd.IsSupported ? "128-bit NEON"
        : "128-bit";

    private static string Name()
    {
        string brand = X86Base.IsSupported ? BrandString() : "";
        return brand.Length > 0 ? brand : $"{RuntimeInformation.ProcessArchitecture} processor";
    }

    /// <summary>The 48 characters that CPUID leaves 0x80000002 to 0x80000004 give in four registers each.</summary>
    private static string BrandString()
    {
        const int FirstLeaf = unchecked((int)0x80000002);
        if ((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < 0x80000004)
            return "";
        byte[] text = new byte[48];
        Span<int> registers = MemoryMarshal.Cast<byte, int>(text.AsSpan());
        for (int leaf = 0; leaf < 3; leaf++)
            (registers[4 * leaf], registers[4 * leaf + 1], registers[4 * leaf + 2], registers[4 * leaf + 3]) =
                X86Base.CpuId(FirstLeaf + leaf, 0);
        return Encoding.ASCII.GetString(text).TrimEnd('\0', ' ').TrimStart();
    }
}
