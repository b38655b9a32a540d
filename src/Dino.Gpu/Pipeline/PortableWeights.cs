using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>Weight and bias on a device: those of a linear layer, (outputs, inputs) and (outputs), or of a LayerNorm, (hidden) each.</summary>
internal readonly record struct DeviceAffine(ArrayView<float> Weight, ArrayView<float> Bias);

/// <summary>A checkpoint on a device, in one buffer, with the normalisation table of the input. Position tables belong to an input size and come with it.</summary>
internal sealed class PortableWeights : IDisposable
{
    /// <summary>Views start at multiples of 64 floats: 256 bytes, what device allocators align to.</summary>
    private const int Alignment = 64;

    private readonly MemoryBuffer1D<float, Stride1D.Dense> _buffer;
    private readonly DeviceAffine _patchEmbedding;
    private readonly DeviceAffine _norm;
    private readonly DeviceBlock[] _blocks;
    private long _used;

    /// <summary>Uploads the weights; the host copy is not needed afterwards.</summary>
    public PortableWeights(Accelerator accelerator, VitWeights weights)
    {
        _buffer = accelerator.Allocate1D<float>(TotalLength(weights));
        NormalizationTable = Upload(PixelNormalization.CreateTable());
        ClassToken = Upload(weights.ClassToken);
        _patchEmbedding = Upload(weights.PatchEmbedding);
        _blocks = [.. weights.Blocks.Select(block => new DeviceBlock(
            Upload(block.Norm1), Upload(block.Qkv), Upload(block.Projection), Upload(block.Norm2), Upload(block.Fc1), Upload(block.Fc2)))];
        _norm = Upload(weights.Norm);
    }

    /// <summary>(3, 256): the normalised value of every byte in every channel.</summary>
    public ArrayView<float> NormalizationTable { get; }

    /// <summary>(hidden)</summary>
    public ArrayView<float> ClassToken { get; }

    /// <summary>The layer's weight; Query and KeyValue give the whole fused one.</summary>
    public DeviceAffine Linear(Linear linear, int layer) => linear switch
    {
        Ops.Linear.PatchEmbedding => _patchEmbedding,
        Ops.Linear.Projection => _blocks[layer].Projection,
        Ops.Linear.Fc1 => _blocks[layer].Fc1,
        Ops.Linear.Fc2 => _blocks[layer].Fc2,
        _ => _blocks[layer].Qkv,
    };

    public DeviceAffine Norm(Norm norm, int layer) => norm switch
    {
        Ops.Norm.BeforeAttention => _blocks[layer].Norm1,
        Ops.Norm.BeforeMlp => _blocks[layer].Norm2,
        _ => _norm,
    };

    public void Dispose() => _buffer.Dispose();

    private static long TotalLength(VitWeights weights)
    {
        long length = Aligned(3 * 256) + Aligned(weights.ClassToken.Length) + Aligned(weights.PatchEmbedding) + Aligned(weights.Norm);
        foreach (BlockWeights block in weights.Blocks)
            length += Aligned(block.Norm1) + Aligned(block.Qkv) + Aligned(block.Projection) + Aligned(block.Norm2) + Aligned(block.Fc1) + Aligned(block.Fc2);
        return length;
    }

    private static long Aligned(LinearWeights linear) => Aligned(linear.Weight.Length) + Aligned(linear.Bias.Length);

    private static long Aligned(NormWeights norm) => Aligned(norm.Weight.Length) + Aligned(norm.Bias.Length);

    private static long Aligned(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private DeviceAffine Upload(LinearWeights linear) => new(Upload(linear.Weight), Upload(linear.Bias));

    private DeviceAffine Upload(NormWeights norm) => new(Upload(norm.Weight), Upload(norm.Bias));

    private ArrayView<float> Upload(float[] values)
    {
        ArrayView<float> view = _buffer.View.AsContiguous().SubView(_used, values.Length);
        view.CopyFromCPU(values);
        _used += Aligned(values.Length);
        return view;
    }

    private sealed record DeviceBlock(DeviceAffine Norm1, DeviceAffine Qkv, DeviceAffine Projection, DeviceAffine Norm2, DeviceAffine Fc1, DeviceAffine Fc2);
}
