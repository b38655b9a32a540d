using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.TensorCore;

/// <summary>
/// A ViT's operations with their products on tensor cores. Each operation is a launch over the whole batch. LayerNorm,
/// softmax and the residual stream are float32. Attention runs on tensor cores too, or in float32 on the portable
/// kernels; see <see cref="UsesFloatAttention"/>.
/// </summary>
/// <param name="kernels">The tensor-core kernels of the weights' accelerator.</param>
/// <param name="portable">The portable kernels, for operations that need no tensor cores.</param>
/// <param name="weights">The model.</param>
/// <param name="activations">
/// Activations that are reserved for shape and request, with pixels and tables on the device.
/// </param>
/// <param name="shape">The model at this input size.</param>
/// <param name="request">Batch size and the outputs to keep.</param>
/// <param name="output">Receives the outputs.</param>
internal readonly struct TensorCoreOps<TFormat>(
    TensorCoreKernels<TFormat> kernels, PortableKernels portable, TensorCoreWeights<TFormat> weights, TensorCoreActivations activations,
    VitShape shape, ForwardRequest request, ForwardOutput output) : IVitOps
    where TFormat : struct, ITensorFormat
{
    private readonly bool _floatAttention = UsesFloatAttention(shape, request);

    /// <summary>
    /// Whether the portable kernels compute attention, in float32. They do so for head sizes that the tensor-core
    /// attention does not take, and for requests that keep attention maps, queries, keys or values. The context then
    /// comes from the same float32 values.
    /// </summary>
    public static bool UsesFloatAttention(in VitShape shape, in ForwardRequest request) =>
        !TensorCoreKernels<TFormat>.TakesHeads(shape.HeadSize) || request.KeepsAttentionInputs;

    public void UnfoldPatches()
    {
        ArrayView<uint> patches = activations.InFormat(Activation.Patches);
        if (activations.Fractions is { } fractions)
            kernels.UnfoldFractions(fractions, shape, request.Batch, patches);
        else
            kernels.Unfold(activations.Pixels, weights.NormalizationTable, shape, request.Batch, patches);
    }

    public void AssembleTokens() =>
        portable.Assemble(activations.Start, request.Batch, activations.InFloat(Activation.Residual));

    public void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows)
    {
        var map = RowMap.Of(rows, shape);
        DeviceAffine affine = weights.Norm(norm, layer);
        var sizes = new LayerNormShape(RowCount(rows), shape.HiddenSize, shape.LayerNormEpsilon, map, map);
        kernels.LayerNorm(activations.InFloat(input), affine.Weight, affine.Bias, sizes, Address(activations.InFormat(output)));
    }

    public void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        if (output == Activation.Qkv && _floatAttention)
            Linear<StoreFloatEpilogue<TFormat>>(input, linear, layer, output, Address(activations.InFloat(output)), rows);
        else
            Linear<Kernels.TensorCore.StoreEpilogue<TFormat>>(input, linear, layer, output, Address(activations.InFormat(output)), rows);
    }

    public void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Linear<Kernels.TensorCore.GeluEpilogue<TFormat>>(input, linear, layer, output, Address(activations.InFormat(output)), rows);

    public void LinearGated(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Linear<Kernels.TensorCore.GatedEpilogue<TFormat>>(input, linear, layer, output, Address(activations.InFormat(output)), rows);

    public void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        long target = Address(activations.InFloat(output));
        if (weights.Linear(linear, layer).HasGains)
            Linear<AddScaledEpilogue<TFormat>>(input, linear, layer, output, target, rows);
        else
            Linear<Kernels.TensorCore.AddEpilogue<TFormat>>(input, linear, layer, output, target, rows);
    }

    public void Rotate(Linear made)
    {
        if (_floatAttention)
            portable.Rotate(activations.Rotation, shape, request.Batch, made, activations.InFloat(Activation.Qkv));
        else
            kernels.Rotate(activations.Rotation, RotationShape.Of(shape, made), request.Batch, activations.InFormat(Activation.Qkv));
    }

    public void Attention(Rows queryRows)
    {
        int queryCount = shape.RowCount(queryRows);
        if (!_floatAttention)
        {
            // The softmax uses powers of 2.
            float scale = (float)(Math.Log2(Math.E) / Math.Sqrt(shape.HeadSize));
            var sizes = new TensorAttentionShape(shape.TokenCount, queryCount, shape.HeadCount, scale);
            long target = Address(activations.InFormat(Activation.Context));
            kernels.Attention(Address(activations.InFormat(Activation.Qkv)), sizes, shape.HeadSize, request.Batch, target);
            return;
        }

        ArrayView<float> context = activations.InFloat(Activation.Context);
        var attention = new AttentionShape(shape.TokenCount, queryCount, shape.HeadCount, shape.HeadSize);
        portable.Attention(activations.InFloat(Activation.Qkv), attention, request.Batch, context);
        // If only class tokens are requested, the other rows are stale and are never read.
        kernels.Round(context, activations.InFormat(Activation.Context));
    }

    /// <summary>The float32 Normed is free as scratch memory between final norms.</summary>
    public void KeepQkv(OutputPart part, int layer) =>
        Outputs.KeepQkv(activations.InFloat(Activation.Qkv), activations.InFloat(Activation.Normed), part, layer);

    public void KeepAttention(int layer, Rows queryRows) => Outputs.KeepAttention(activations.InFloat(Activation.Qkv), layer, queryRows);

    public void StoreQueriesAndKeys(int layer) => Outputs.Rollout.Store(activations.InFloat(Activation.Qkv), layer);

    public void RollOut(int layer, Rows queryRows) => Outputs.Rollout.Step(layer, queryRows);

    public void KeepRollout() => Outputs.KeepRollout();

    public void KeepHiddenState(int index) => Outputs.Keep(activations.InFloat(Activation.Residual), OutputPart.HiddenStates, index);

    /// <summary>Does nothing: class tokens are rows with a stride.</summary>
    public void BeginClassTail()
    {
    }

    public void FinalNorm(OutputPart part, int layer, Rows rows)
    {
        // The result is float32, so this is the portable LayerNorm. Its rows are packed for the copy to the host.
        DeviceAffine affine = weights.Norm(Norm.Final, 0);
        ArrayView<float> normed = activations.InFloat(Activation.Normed);
        var map = RowMap.Of(rows, shape);
        var sizes = new LayerNormShape(RowCount(rows), shape.HiddenSize, shape.LayerNormEpsilon, map, RowMap.Dense);
        portable.LayerNorm(activations.InFloat(Activation.Residual), affine.Weight, affine.Bias, sizes, normed);
        Outputs.Keep(normed, part, layer);
    }

    public void Synchronize() => portable.Accelerator.DefaultStream.Synchronize();

    private DeviceOutputs Outputs => new(portable, activations, shape, request, output);

    private static long Address<T>(ArrayView<T> view)
        where T : unmanaged => view.LoadEffectiveAddressAsPtr();

    private void Linear<TEpilogue>(Activation input, Linear linear, int layer, Activation output, long target, Rows rows)
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        // Query and KeyValue are row ranges of the fused weight. They write the same range of columns of Qkv.
        TensorLinear fused = weights.Linear(linear, layer);
        int rowBytes = DeviceActivations.ColumnCount(input, shape, TensorCoreActivations.SizeMultiple) * TFormat.ElementSize;
        int stride = DeviceActivations.ColumnCount(output, shape, TensorCoreActivations.SizeMultiple);
        if (output == Activation.Mlp && shape.MlpKind == MlpKind.GatedSilu)
            stride *= 2; // the output's bytes are counted for columns of the product
        (int first, int columns) = linear switch
        {
            Vit.Linear.Query => (0, shape.HiddenSize),
            Vit.Linear.KeyValue => (shape.HiddenSize, 2 * shape.HiddenSize),
            _ => (0, stride),
        };
        kernels.Linear<TEpilogue>(
            Address(activations.InFormat(input)),
            fused.Weight + (long)first * rowBytes,
            fused.Bias + (long)first * sizeof(float),
            new TensorGemmShape(RowCount(rows), columns, rowBytes, stride, RowMap.Of(rows, shape)),
            target + (long)first * TEpilogue.OutputSize);
    }

    private int RowCount(Rows rows) => request.Batch * shape.RowCount(rows);
}
