using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// Attention rollout on a device, from float32 queries and keys. A step takes the rows block by block: it computes the
/// probabilities of a block and adds their contribution. So memory grows with the number of tokens, not with its
/// square.
/// </summary>
/// <param name="kernels">The kernels of the activations' accelerator.</param>
/// <param name="activations">Activations that are reserved for the request.</param>
/// <param name="shape">The model at this input size.</param>
/// <param name="images">Images in the batch.</param>
internal readonly struct DeviceRollout(PortableKernels kernels, DeviceActivations activations, VitShape shape, int images)
{
    private long StoredLength => 2L * images * shape.TokenCount * shape.HiddenSize;

    /// <summary>(images, tokens): the row after the step of layer 0, which is the last step.</summary>
    public ArrayView<float> Result => Row(0);

    /// <summary>Stores the queries and keys of a layer, from (images * tokens, 3 * hidden).</summary>
    public void Store(ArrayView<float> qkv, int layer) => kernels.PackColumns(
        qkv, new ColumnRange(3 * shape.HiddenSize, 0, 2 * shape.HiddenSize), images * shape.TokenCount, Stored(layer));

    /// <summary>Runs the step of one layer. The step with the class token's row alone is the first.</summary>
    public void Step(int layer, Rows queryRows)
    {
        bool begins = queryRows == Rows.ClassToken;
        int rows = shape.RowCount(queryRows);
        for (int first = 0; first < rows; first += DeviceActivations.RolloutBlockRows)
        {
            int count = Math.Min(DeviceActivations.RolloutBlockRows, rows - first);
            var attention = new AttentionShape(shape.TokenCount, count, shape.HeadCount, shape.HeadSize, first, parts: 2);
            kernels.AttentionProbabilities(Stored(layer), attention, images, activations.Probabilities);
            var block = new RolloutShape(shape.TokenCount, shape.HeadCount, first, count, begins);
            kernels.RolloutStep(activations.Probabilities, Row(layer + 1), block, images, Row(layer));
        }
    }

    private ArrayView<float> Stored(int layer) => activations.QueriesAndKeys.SubView(layer * StoredLength, StoredLength);

    /// <summary>Two rows per image, which take turns from layer to layer.</summary>
    private ArrayView<float> Row(int layer)
    {
        long length = (long)images * shape.TokenCount;
        return activations.RolloutRows.SubView(layer % 2 * length, length);
    }
}
