using Dino.Gpu.Model;
using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// Weight and bias on a device: (outputs, inputs) and (outputs) of a linear layer, or (hidden) each of a LayerNorm.
/// </summary>
internal readonly record struct DeviceAffine(ArrayView<float> Weight, ArrayView<float> Bias);

/// <summary>
/// A checkpoint on a device, with the normalization table of the input. The <see cref="InputTables"/> depend on the
/// input size, so they are not part of it. Each kernel family decides how it allocates memory and how it stores a
/// matrix.
/// </summary>
/// <typeparam name="TLinear">The type of a linear layer on the device.</typeparam>
internal abstract class DeviceWeights<TLinear> : IDisposable
{
    private TLinear _patchEmbedding = default!;
    private DeviceAffine _norm;
    private DeviceBlock[] _blocks = [];

    /// <summary>(3, 256): the normalized value of every byte in every channel.</summary>
    public ArrayView<float> NormalizationTable { get; private set; }

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
            int multiple = SizeMultiple;
            _patchEmbedding = Upload(weights.PatchEmbedding.Padded(1, multiple));
            bool isGated = weights.Config.MlpKind == MlpKind.GatedSilu;
            _blocks = [.. weights.Blocks.Select(block => new DeviceBlock(
                Upload(block.Norm1), Upload(block.Qkv), UploadScaled(block.Projection, block.LayerScale1), Upload(block.Norm2),
                Upload(isGated ? GatedLayer.Interleave(block.Fc1, 1).Padded(2 * multiple, 1) : block.Fc1.Padded(multiple, 1)),
                UploadScaled(block.Fc2.Padded(1, multiple), block.LayerScale2)))];
            _norm = Upload(weights.Norm);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>
    /// What the columns of patches and of the MLP's hidden layer are filled up to, with zeros;
    /// <see cref="DeviceActivations.ColumnCount"/>.
    /// </summary>
    protected virtual int SizeMultiple => 1;

    /// <summary>Uploads values. The view stays valid until disposal.</summary>
    protected abstract ArrayView<float> Upload(float[] values);

    protected abstract TLinear Upload(LinearWeights linear);

    /// <summary>
    /// Uploads a layer whose outputs have gains, null where they have none. They go into the rows of the layer.
    /// </summary>
    protected virtual TLinear UploadScaled(LinearWeights linear, float[]? gains) => Upload(linear.ScaleRows(gains));

    private DeviceAffine Upload(NormWeights norm) => new(Upload(norm.Weight), Upload(norm.Bias));

    private sealed record DeviceBlock(DeviceAffine Norm1, TLinear Qkv, TLinear Projection, DeviceAffine Norm2, TLinear Fc1, TLinear Fc2);
}
