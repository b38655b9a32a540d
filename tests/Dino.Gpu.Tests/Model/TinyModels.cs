using System.Runtime.InteropServices;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Model;

/// <summary>The configs of the reference checkpoints, and exact comparison of weights.</summary>
internal static class TinyModels
{
    /// <summary>tiny_hf*.bin</summary>
    public static VitConfig HuggingFace { get; } = new()
    {
        HiddenSize = 48,
        LayerCount = 3,
        HeadCount = 3,
        MlpSize = 192,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-12,
    };

    /// <summary>tiny_dino*.pth</summary>
    public static VitConfig Dino { get; } = new()
    {
        HiddenSize = 128,
        LayerCount = 2,
        HeadCount = 2,
        MlpSize = 128,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-6,
    };

    /// <summary>Compares bit by bit and names the first tensor and index that differ.</summary>
    public static void AssertEqual(VitWeights expected, VitWeights actual, Func<float, float>? stored = null)
    {
        Assert.Equal(expected.Config, actual.Config);
        foreach (TensorSlot slot in TensorSlots.HuggingFace(expected.Config))
        {
            ReadOnlySpan<float> want = slot.Data(expected).Span;
            ReadOnlySpan<float> found = slot.Data(actual).Span;
            Assert.Equal(want.Length, found.Length);
            for (int i = 0; i < want.Length; i++)
            {
                float value = stored is null ? want[i] : stored(want[i]);
                if (BitConverter.SingleToInt32Bits(value) != BitConverter.SingleToInt32Bits(found[i]))
                    Assert.Fail($"{slot.Name}[{i}]: expected {value}, found {found[i]}");
            }
        }
    }

    /// <summary>Round to nearest even to the upper 16 bits, as torch does.</summary>
    public static float ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }

    /// <summary>The little-endian bytes of values as a checkpoint stores them.</summary>
    public static byte[] Bytes(ReadOnlySpan<float> values, string type)
    {
        switch (type)
        {
            case "F32":
                return MemoryMarshal.AsBytes(values).ToArray();
            case "F16":
                return [.. values.ToArray().SelectMany(value => BitConverter.GetBytes((Half)value))];
            case "BF16":
                return [.. values.ToArray()
                    .SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(ToBFloat16(value)) >> 16)))];
            case "F64":
                return [.. values.ToArray().SelectMany(value => BitConverter.GetBytes((double)value))];
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }
}
