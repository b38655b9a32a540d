namespace Dino.Gpu.Devices;

/// <summary>The precisions that devices offer, and the error for a device that does not offer one.</summary>
internal static class PrecisionSupport
{
    /// <summary>Every precision.</summary>
    public static IReadOnlyList<Precision> All { get; } = Enum.GetValues<Precision>();

    /// <summary>The precision that every device offers.</summary>
    public static IReadOnlyList<Precision> Float32Only { get; } = [Precision.Float32];

    /// <summary>
    /// The precisions of CUDA devices of compute capability 8.0 and newer: their tensor cores take all of these.
    /// </summary>
    public static IReadOnlyList<Precision> TensorCores { get; } =
        [Precision.Float32, Precision.TensorFloat32, Precision.BFloat16, Precision.Float16];

    /// <summary>The precisions of this processor.</summary>
    public static IReadOnlyList<Precision> Cpu { get; } =
    [
        Precision.Float32,
        .. CpuFeatures.BFloat16 ? [Precision.BFloat16] : Array.Empty<Precision>(),
        .. CpuFeatures.Int8 ? [Precision.Int8] : Array.Empty<Precision>(),
    ];

    /// <summary>The name that <c>--precision</c> takes.</summary>
    public static string NameOf(Precision precision) => precision switch
    {
        Precision.Float32 => "fp32",
        Precision.TensorFloat32 => "tf32",
        Precision.BFloat16 => "bf16",
        Precision.Float16 => "fp16",
        Precision.Int8 => "int8",
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "Unknown precision."),
    };

    /// <summary>The precision with a name that <see cref="NameOf"/> returns.</summary>
    public static Precision Parse(string name) => All.Single(precision => NameOf(precision) == name);

    /// <exception cref="DinoException">The device does not offer it.</exception>
    public static void Require(DeviceInfo device, Precision precision)
    {
        if (device.Precisions.Contains(precision))
            return;
        string needs = precision switch
        {
            Precision.BFloat16 => "an NVIDIA GPU of compute capability 8.0 or newer, or a CPU with AVX512_BF16 on Linux or Windows",
            Precision.Int8 => "a CPU with AVX512_VNNI on Linux or Windows",
            _ => "an NVIDIA GPU of compute capability 8.0 or newer",
        };
        throw new DeviceException($"{device.Id} ({device.Name}) {Lack(device, precision)}", $"{NameOf(precision)} needs {needs}")
        {
            IsRefusal = true,
        };
    }

    /// <summary>What a device lacks that does not offer a precision, for messages that name it.</summary>
    public static string Lack(DeviceInfo device, Precision precision) =>
        $"does not compute in {NameOf(precision)}, only in {string.Join(", ", device.Precisions.Select(NameOf))}";
}
