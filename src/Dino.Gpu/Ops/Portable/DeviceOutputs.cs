using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// Copies the requested outputs to the host. Attention outputs are computed from float32 queries, keys and values, in
/// the same way for portable and tensor-core operations.
/// </summary>
/// <param name="kernels">The kernels of the activations' accelerator.</param>
/// <param name="activations">Activations that are reserved for shape and request.</param>
/// <param name="shape">The model at this input size.</param>
/// <param name="request">Batch size and the outputs to keep.</param>
/// <param name="output">Receives the outputs.</param>
internal readonly struct DeviceOutputs(
    PortableKernels kernels, DeviceActivations activations, VitShape shape, ForwardRequest request, ForwardOutput output)
{
    /// <summary>The rollout of the attention so far.</summary>
    public DeviceRollout Rollout => new(kernels, activations, shape, request.Batch);

    /// <summary>Keeps queries, keys or values.</summary>
    /// <param name="qkv">(images * tokens, 3 * hidden)</param>
    /// <param name="packed">(images * tokens, hidden): scratch memory.</param>
    /// <param name="part">Queries, keys or values.</param>
    /// <param name="layer">The block.</param>
    public void KeepQkv(ArrayView<float> qkv, ArrayView<float> packed, OutputPart part, int layer)
    {
        var columns = new ColumnRange(3 * shape.HiddenSize, OutputLayout.QkvPart(part) * shape.HiddenSize, shape.HiddenSize);
        kernels.PackColumns(qkv, columns, request.Batch * shape.TokenCount, packed);
        Keep(packed, part, layer);
    }

    /// <summary>Keeps attention probabilities.</summary>
    /// <param name="qkv">(images * tokens, 3 * hidden)</param>
    /// <param name="layer">The block.</param>
    /// <param name="queryRows">The rows of each matrix to keep.</param>
    public void KeepAttention(ArrayView<float> qkv, int layer, Rows queryRows)
    {
        int queryCount = shape.RowCount(queryRows);
        var attention = new AttentionShape(shape.TokenCount, queryCount, shape.HeadCount, shape.HeadSize);
        kernels.AttentionProbabilities(qkv, attention, request.Batch, activations.Probabilities);
        Keep(activations.Probabilities, OutputPart.Attentions, layer);
    }

    /// <summary>Keeps the finished rollout.</summary>
    public void KeepRollout() => Keep(Rollout.Result, OutputPart.Rollout, 0);

    /// <summary>Copies one slot of a part to the host.</summary>
    public void Keep(ArrayView<float> source, OutputPart part, int layer)
    {
        var layout = new OutputLayout(shape, request);
        long count = layout.SlotLength(part);
        activations.Results.Read(source.SubView(0, count), output[part], layout.Slot(part, layer) * count);
    }
}
