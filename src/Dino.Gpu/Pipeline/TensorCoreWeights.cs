using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Model;
using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>A linear layer on a device: global addresses of the weight, (outputs, inputs) in the format, and of the bias, (outputs) in float32.</summary>
internal readonly record struct TensorLinear(long Weight, long Bias);

/// <summary>A checkpoint on a CUDA device: the matrices converted once to what tensor cores read, all else in float32.</summary>
internal sealed class TensorCoreWeights<TFormat> : IDisposable
    where TFormat : struct, ITensorFormat
{
    private readonly List<IDisposable> _buffers = [];
    private readonly Accelerator _accelerator;
    private readonly TensorLinear _patchEmbedding;
    private readonly DeviceAffine _norm;
    private readonly DeviceBlock[] _blocks;

    /// <summary>Converts and uploads the weights; the host copy is not needed afterwards.</summary>
    public TensorCoreWeights(Accelerator accelerator, VitWeights weights)
    {
        _accelerator = accelerator;
        try
        {
            NormalizationTable = Upload(PixelNormalization.CreateTable());
            ClassToken = Upload(weights.ClassToken);
            _patchEmbedding = Upload(weights.PatchEmbedding);
            _blocks = [.. weights.Blocks.Select(block => new DeviceBlock(
                Upload(block.Norm1), Upload(block.Qkv), Upload(block.Projection), Upload(block.Norm2), Upload(block.Fc1), Upload(block.Fc2)))];
            _norm = Upload(weights.Norm);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>(3, 256): the normalised value of every byte in every channel.</summary>
    public ArrayView<float> NormalizationTable { get; }

    /// <summary>(hidden)</summary>
    public ArrayView<float> ClassToken { get; }

    /// <summary>The layer; Query and KeyValue give the whole fused one.</summary>
    public TensorLinear Linear(Linear linear, int layer) => linear switch
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

    public void Dispose()
    {
        foreach (IDisposable buffer in _buffers)
            buffer.Dispose();
        _buffers.Clear();
    }

    /// <summary>The bits of a matrix as its products read them: two 16-bit values a word, the first in the low half, or one of 32.</summary>
    internal static uint[] Convert(ReadOnlySpan<float> values)
    {
        int perWord = sizeof(uint) / TFormat.ElementSize;
        uint[] words = new uint[values.Length / perWord];
        for (int i = 0; i < words.Length; i++)
            words[i] = perWord == 1 ? TFormat.Round(values[i]) : TFormat.Round(values[2 * i]) | (TFormat.Round(values[2 * i + 1]) << 16);
        return words;
    }

    private TensorLinear Upload(LinearWeights linear) => new(Address(Upload(Convert(linear.Weight))), Address(Upload(linear.Bias)));

    private DeviceAffine Upload(NormWeights norm) => new(Upload(norm.Weight), Upload(norm.Bias));

    /// <summary>Each tensor has its own allocation, which CUDA aligns to 256 bytes.</summary>
    private ArrayView<T> Upload<T>(T[] values)
        where T : unmanaged
    {
        MemoryBuffer1D<T, Stride1D.Dense> buffer = _accelerator.Allocate1D(values);
        _buffers.Add(buffer);
        return buffer.View.AsContiguous();
    }

    private static long Address<T>(ArrayView<T> view)
        where T : unmanaged => view.LoadEffectiveAddressAsPtr();

    private sealed record DeviceBlock(
        DeviceAffine Norm1, TensorLinear Qkv, TensorLinear Projection, DeviceAffine Norm2, TensorLinear Fc1, TensorLinear Fc2);
}
