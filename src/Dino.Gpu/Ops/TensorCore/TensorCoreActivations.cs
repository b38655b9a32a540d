using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.TensorCore;

/// <summary>
/// The activations of a pass on tensor cores. Values that a product reads are in the format; values that are summed or
/// compared are in float32.
/// </summary>
/// <param name="accelerator">The accelerator; the caller owns it.</param>
/// <param name="elementSize">Bytes of a value in the format.</param>
internal sealed class TensorCoreActivations(Accelerator accelerator, int elementSize) : DeviceActivations(accelerator)
{
    /// <summary>Rows of a product are multiples of 64 bytes: 32 values of 16 bits.</summary>
    public const int SizeMultiple = 32;

    private readonly GrowingBuffer<uint>[] _formatBuffers = [.. All.Select(_ => new GrowingBuffer<uint>(accelerator))];
    private readonly GrowingBuffer<float>[] _floatBuffers = [.. All.Select(_ => new GrowingBuffer<float>(accelerator))];
    private readonly ArrayView<uint>[] _formatViews = new ArrayView<uint>[All.Length];
    private readonly ArrayView<float>[] _floatViews = new ArrayView<float>[All.Length];
    private bool _floatAttention;

    /// <summary>
    /// (images * tokens, columns) in the format: patches, normed rows, context, MLP, and queries, keys and values for
    /// attention in the format.
    /// </summary>
    public ArrayView<uint> InFormat(Activation activation) => _formatViews[(int)activation];

    /// <summary>
    /// (images * tokens, columns) in float32: the residual stream, the final norm's rows, and, for attention in
    /// float32, queries, keys, values and context.
    /// </summary>
    public ArrayView<float> InFloat(Activation activation) => _floatViews[(int)activation];

    /// <summary>Makes room for a pass, with attention in the format or in float32.</summary>
    public void Reserve(in PassInput input, in VitShape shape, in ForwardRequest request, bool floatAttention)
    {
        _floatAttention = floatAttention;
        Reserve(input, shape, request);
    }

    public override void Release()
    {
        foreach (GrowingBuffer<uint> buffer in _formatBuffers)
            buffer.Release();
        foreach (GrowingBuffer<float> buffer in _floatBuffers)
            buffer.Release();
        base.Release();
    }

    protected override void ReserveRows(long rows, in VitShape shape)
    {
        foreach (Activation activation in All)
        {
            long length = rows * ColumnCount(activation, shape, SizeMultiple);
            if (activation != Activation.Residual && !(activation == Activation.Qkv && _floatAttention))
                _formatViews[(int)activation] = _formatBuffers[(int)activation].Reserve(length * elementSize / sizeof(uint));
            if (activation is Activation.Residual or Activation.Normed
                || (activation is Activation.Qkv or Activation.Context && _floatAttention))
                _floatViews[(int)activation] = _floatBuffers[(int)activation].Reserve(length);
        }
    }
}
