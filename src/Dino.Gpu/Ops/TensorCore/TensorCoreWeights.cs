using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.TensorCore;

/// <summary>
/// A linear layer on a device: global addresses of the weight, (outputs, inputs) in the format, and of the bias,
/// (outputs) in float32, behind which the gains of its outputs may lie.
/// </summary>
internal readonly record struct TensorLinear(long Weight, long Bias, bool HasGains);

/// <summary>
/// A checkpoint on a CUDA device. The matrices are converted once to the format that tensor cores read; all else is
/// float32.
/// </summary>
internal sealed class TensorCoreWeights<TFormat> : DeviceWeights<TensorLinear>
    where TFormat : struct, ITensorFormat
{
    private readonly List<IDisposable> _buffers = [];
    private readonly Accelerator _accelerator;

    /// <summary>Converts and uploads the weights. The host copy is not needed afterwards.</summary>
    public TensorCoreWeights(Accelerator accelerator, VitWeights weights)
    {
        _accelerator = accelerator;
        UploadAll(weights);
    }

    public override void Dispose()
    {
        DeviceResources.Free([.. _buffers]);
        _buffers.Clear();
    }

    /// <summary>
    /// The bits of a matrix as its products read them: a word holds two 16-bit values, the first in the low half, or
    /// one 32-bit value.
    /// </summary>
    internal static uint[] Convert(ReadOnlySpan<float> values)
    {
        int perWord = sizeof(uint) / TFormat.ElementSize;
        uint[] words = new uint[values.Length / perWord];
        for (int i = 0; i < words.Length; i++)
            words[i] = perWord == 1 ? TFormat.Round(values[i]) : TFormat.Round(values[2 * i]) | (TFormat.Round(values[2 * i + 1]) << 16);
        return words;
    }

    protected override int SizeMultiple => TensorCoreActivations.SizeMultiple;

    protected override TensorLinear Upload(LinearWeights linear) => Upload(linear, null);

    /// <summary>
    /// Float16 keeps the gains apart. Folded into a weight, a gain of 1e-5 would take it to where float16 has hardly
    /// any digits; the other formats have the exponents of float32.
    /// </summary>
    protected override TensorLinear UploadScaled(LinearWeights linear, float[]? gains) =>
        typeof(TFormat) == typeof(Float16Format) ? Upload(linear, gains) : base.UploadScaled(linear, gains);

    private TensorLinear Upload(LinearWeights linear, float[]? gains) => new(
        Allocate(Convert(linear.Weight)).LoadEffectiveAddressAsPtr(),
        Allocate(gains is null ? linear.Bias : [.. linear.Bias, .. gains]).LoadEffectiveAddressAsPtr(),
        gains is not null);

    protected override ArrayView<float> Upload(float[] values) => Allocate(values);

    /// <summary>Each tensor has its own allocation, which CUDA aligns to 256 bytes.</summary>
    private ArrayView<T> Allocate<T>(T[] values)
        where T : unmanaged
    {
        MemoryBuffer1D<T, Stride1D.Dense> buffer = _accelerator.Allocate1D(values);
        _buffers.Add(buffer);
        return buffer.View.AsContiguous();
    }
}
