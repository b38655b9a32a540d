using Dino.Gpu.Devices;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Portable;

/// <summary>A checkpoint on a device, all of it in float32 and in one buffer.</summary>
internal sealed class PortableWeights : DeviceWeights<DeviceAffine>
{
    /// <summary>
    /// Views start at multiples of 64 floats, which are 256 bytes: the alignment of device allocators.
    /// </summary>
    private const int Alignment = 64;

    private readonly MemoryBuffer1D<float, Stride1D.Dense> _buffer;
    private long _used;

    /// <summary>Uploads the weights. The host copy is not needed afterwards.</summary>
    public PortableWeights(Accelerator accelerator, VitWeights weights)
    {
        _buffer = accelerator.Allocate1D<float>(TotalLength(weights));
        UploadAll(weights);
    }

    public override void Dispose() => DeviceResources.Free(_buffer);

    protected override DeviceAffine Upload(LinearWeights linear) => new(Upload(linear.Weight), Upload(linear.Bias));

    protected override ArrayView<float> Upload(float[] values)
    {
        ArrayView<float> view = _buffer.View.AsContiguous().SubView(_used, values.Length);
        view.CopyFromCPU(values);
        _used += Aligned(values.Length);
        return view;
    }

    private static long TotalLength(VitWeights weights)
    {
        long length = Aligned(3 * 256) + Aligned(weights.PatchEmbedding) + Aligned(weights.Norm);
        foreach (BlockWeights block in weights.Blocks)
            length += Aligned(block.Norm1) + Aligned(block.Qkv) + Aligned(block.Projection)
                + Aligned(block.Norm2) + Aligned(block.Fc1) + Aligned(block.Fc2);
        return length;
    }

    private static long Aligned(LinearWeights linear) => Aligned(linear.Weight.Length) + Aligned(linear.Bias.Length);

    private static long Aligned(NormWeights norm) => Aligned(norm.Weight.Length) + Aligned(norm.Bias.Length);

    private static long Aligned(long length) => (length + Alignment - 1) / Alignment * Alignment;
}
