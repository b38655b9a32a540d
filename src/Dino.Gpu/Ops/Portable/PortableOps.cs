using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// A ViT's operations as launches of the portable kernels. Each launch, and each copy to the host, is queued on the
/// default stream for the whole batch.
/// </summary>
/// <param name="kernels">The kernels of the weights' accelerator.</param>
/// <param name="weights">The model.</param>
/// <param name="activations">
/// Activations that are reserved for shape and request, with pixels and tables on the device.
/// </param>
/// <param name="shape">The model at this input size.</param>
/// <param name="request">Batch size and the outputs to keep.</param>
/// <param name="output">Receives the outputs.</param>
internal readonly struct PortableOps(
    PortableKernels kernels, PortableWeights weights, PortableActivations activations, VitShape shape, ForwardRequest request,
    ForwardOutput output) : IVitOps
{
    public void UnfoldPatches()
    {
        if (activations.Fractions is { } fractions)
            kernels.UnfoldFractions(fractions, shape, request.Batch, activations[Activation.Patches]);
        else
            kernels.Unfold(activations.Pixels, weights.NormalizationTable, shape, request.Batch, activations[Activation.Patches]);
    }

    public void AssembleTokens() =>
        kernels.Assemble(activations.Start, request.Batch, activations[Activation.Residual]);

    public void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows)
    {
        var map = RowMap.Of(rows, shape);
        LayerNorm(activations[input], weights.Norm(norm, layer), rows, map, activations[output]);
    }

    public void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Linear<StoreEpilogue>(input, linear, layer, output, rows);

    public void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Linear<GeluEpilogue>(input, linear, layer, output, rows);

    public void LinearGated(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Linear<GatedEpilogue>(input, linear, layer, output, rows);

    public void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Linear<AddEpilogue>(input, linear, layer, output, rows);

    public void Rotate(Linear made) => kernels.Rotate(activations.Rotation, shape, request.Batch, made, activations[Activation.Qkv]);

    public void Attention(Rows queryRows) =>
        kernels.Attention(
            activations[Activation.Qkv],
            new AttentionShape(shape.TokenCount, shape.RowCount(queryRows), shape.HeadCount, shape.HeadSize),
            request.Batch,
            activations[Activation.Context]);

    /// <summary>Normed is free as scratch memory: its rows have become queries, keys and values.</summary>
    public void KeepQkv(OutputPart part, int layer) =>
        Outputs.KeepQkv(activations[Activation.Qkv], activations[Activation.Normed], part, layer);

    public void KeepAttention(int layer, Rows queryRows) => Outputs.KeepAttention(activations[Activation.Qkv], layer, queryRows);

    public void StoreQueriesAndKeys(int layer) => Outputs.Rollout.Store(activations[Activation.Qkv], layer);

    public void RollOut(int layer, Rows queryRows) => Outputs.Rollout.Step(layer, queryRows);

    public void KeepRollout() => Outputs.KeepRollout();

    public void KeepHiddenState(int index) => Outputs.Keep(activations[Activation.Residual], OutputPart.HiddenStates, index);

    /// <summary>Does nothing: class tokens are rows with a stride.</summary>
    public void BeginClassTail()
    {
    }

    public void FinalNorm(OutputPart part, int layer, Rows rows)
    {
        // The normed rows are packed, so that the copy to the host is contiguous.
        LayerNorm(activations[Activation.Residual], weights.Norm(Norm.Final, 0), rows, RowMap.Dense, activations[Activation.Normed]);
        Outputs.Keep(activations[Activation.Normed], part, layer);
    }

    public void Synchronize() => kernels.Accelerator.DefaultStream.Synchronize();

    private DeviceOutputs Outputs => new(kernels, activations, shape, request, output);

    private void LayerNorm(ArrayView<float> input, DeviceAffine norm, Rows rows, RowMap outputMap, ArrayView<float> target)
    {
        var inputMap = RowMap.Of(rows, shape);
        var sizes = new LayerNormShape(RowCount(rows), shape.HiddenSize, shape.LayerNormEpsilon, inputMap, outputMap);
        kernels.LayerNorm(input, norm.Weight, norm.Bias, sizes, target);
    }

    private void Linear<TEpilogue>(Activation input, Linear linear, int layer, Activation output, Rows rows)
        where TEpilogue : struct, IEpilogue
    {
        // Query and KeyValue are row ranges of the fused weight. They write the same range of columns of Qkv.
        DeviceAffine fused = weights.Linear(linear, layer);
        int depth = ColumnCount(input);
        int stride = ColumnCount(output);
        (int first, int columns) = linear switch
        {
            Vit.Linear.Query => (0, shape.HiddenSize),
            Vit.Linear.KeyValue => (shape.HiddenSize, 2 * shape.HiddenSize),
            Vit.Linear.Fc1 => (0, shape.Fc1Size),
            _ => (0, stride),
        };
        var gemm = new GemmShape(RowCount(rows), columns, depth, depth, stride, RowMap.Of(rows, shape));
        kernels.Linear<TEpilogue>(
            activations[input],
            fused.Weight.SubView((long)first * depth),
            fused.Bias.SubView(first),
            gemm,
            activations[output].SubView(first));
    }

    private int RowCount(Rows rows) => request.Batch * shape.RowCount(rows);

    private int ColumnCount(Activation activation) => DeviceActivations.ColumnCount(activation, shape);
}
