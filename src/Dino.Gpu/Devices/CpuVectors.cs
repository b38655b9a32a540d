using System.Globalization;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Dino.Gpu.Devices;

/// <summary>
/// The vector registers that the CPU device computes with. Their width decides the order of sums, and the fused
/// multiply-add their rounding. In float32 both together decide the last bits of a result, and nothing else about the
/// processor does.
/// </summary>
internal static class CpuVectors
{
    /// <summary>Widths in bits that the kernels are written for.</summary>
    private static readonly int[] Widths = [128, 256, 512];

    /// <summary>
    /// The widest registers of this machine, in bits. It checks Avx512F itself: Vector512 says that it is not
    /// accelerated on early AVX-512 cores, because they lower their clock, but in a long matrix product they still have
    /// twice the throughput.
    /// </summary>
    public static int Widest =>
        Avx512F.IsSupported ? 512
        : Avx2.IsSupported && Fma.IsSupported ? 256
        : 128;

    /// <summary>The width to use, in bits.</summary>
    /// <param name="wanted">The width that was asked for; null for <see cref="Widest"/>.</param>
    /// <param name="precision">Arithmetic; all but float32 is written for 512 bits only.</param>
    /// <exception cref="DinoException">This machine or the precision has no such registers.</exception>
    public static int Choose(int? wanted, Precision precision = Precision.Float32)
    {
        if (wanted is not { } width)
            return Widest;
        int[] usable = [.. Widths.Where(one => one <= Widest && (precision == Precision.Float32 || one == Widths[^1]))];
        return usable.Contains(width)
            ? width
            : throw new DeviceException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the CPU has no vectors of {width} bits for {PrecisionSupport.NameOf(precision)} "
                        + $"(expected {string.Join(", ", usable)})"));
    }

    /// <summary>
    /// What decides the last bits, such as <c>256-bit FMA</c>, or <c>128-bit</c> without the fused instruction.
    /// </summary>
    /// <param name="width">In bits, as <see cref="Choose"/> returns it.</param>
    /// <param name="precision">Arithmetic; all but float32 also depends on the instructions for its products.</param>
    public static string Describe(int width, Precision precision = Precision.Float32)
    {
        string fused = Fma.IsSupported || AdvSimd.IsSupported ? " FMA" : "";
        string products = precision == Precision.Float32
            ? ""
            : (CpuFeatures.BFloat16 ? " BF16" : "") + (CpuFeatures.Amx ? " AMX" : "");
        return string.Create(CultureInfo.InvariantCulture, $"{width}-bit{fused}{products}");
    }
}
