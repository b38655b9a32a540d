using Dino.Gpu.Model;
using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// Weight and bias on a device: (outputs, inputs) and (outputs) of a linear layer, or (hidden) each of a LayerNorm.
/// </summary>
internal readonly record struct DeviceAffine(ArrayView<float> Weight, ArrayView<float> Bias);

/// <summary>
/// A checkpoint on a device, with the normalization table of the input. Position tables depend on the input size, so
/// they are not part of it. Each kernel family decides how it allocates memory and how it stores a matrix.
/// </summary>
/// <typeparam name="TLinear">The type of a linear layer on the device.</typeparam>
internal abstract class DeviceWeights<TLinear> : IDisposable
{
    private TLinear _patchEmbedding = default!;
    private DeviceAffine _norm;
    private DeviceBlock[] _blocks = [];

    /// <summary>(3, 256): the normalized value of every byte in every channel.</summary>
    public ArrayView<float> NormalizationTable { get; private set; }

    /// <summary>(hidden)</summary>
    public ArrayView<float> ClassToken { get; private set; }

    /// <summary>Returns a linear layer. For Query and KeyValue it is the whole fused layer.</summary>
    public TLinear Linear(Linear linear, int layer) => linear switch
    {
        Vit.Linear.PatchEmbedding => _patchEmbedding,
        Vit.Linear.Projection => _blocks[layer].Projection,
        Vit.Linear.Fc1 => _blocks[layer].Fc1,
        Vit.Linear.Fc2 => _blocks[layer].Fc2,
        _ => _blocks[layer].Qkv,
    };

    public DeviceAffine Norm(Norm norm, int layer) => norm switch
    {
        Vit.Norm.BeforeAttention => _blocks[layer].Norm1,
        Vit.Norm.BeforeMlp => _blocks[layer].Norm2,
        _ => _norm,
    };

    public abstract void Dispose();

    /// <summary>
    /// Uploads every tensor. The host copy is not needed afterwards. If one fails, the memory of the others is freed.
    /// </summary>
    protected void UploadAll(VitWeights weights)
    {
        try
        {
            NormalizationTable = Upload(weights.PixelTable());
            ClassToken = Upload(weights.ClassToken);
            _patchEmbedding = Upload(weights.PatchEmbedding);
            _blocks = [.. weights.Blocks.Select(block => new DeviceBlock(
                Upload(block.Norm1), Upload(block.Qkv), Upload(block.Projection), Upload(block.Norm2), Upload(block.Fc1),
                Upload(block.Fc2)))];
            _norm = Upload(weights.Norm);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Uploads values. The view stays valid until disposal.</summary>
    protected abstract ArrayView<float> Upload(float[] values);

    protected abstract TLinear Upload(LinearWeights linear);

    private DeviceAffine Upload(NormWeights norm) => new(Upload(norm.Weight), Upload(norm.Bias));

    private sealed record DeviceBlock(DeviceAffine Norm1, TLinear Qkv, TLinear Projection, DeviceAffine Norm2, TLinear Fc1, TLinear Fc2);
}
