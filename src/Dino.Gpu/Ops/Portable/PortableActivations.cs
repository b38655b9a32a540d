using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Portable;

/// <summary>The activations of the portable kernels, all in float32.</summary>
/// <param name="accelerator">The accelerator; the caller owns it.</param>
internal sealed class PortableActivations(Accelerator accelerator) : DeviceActivations(accelerator)
{
    private readonly GrowingBuffer<float>[] _buffers = [.. All.Select(_ => new GrowingBuffer<float>(accelerator))];
    private readonly ArrayView<float>[] _views = new ArrayView<float>[All.Length];

    /// <summary>(images * tokens, columns)</summary>
    public ArrayView<float> this[Activation activation] => _views[(int)activation];

    /// <summary>Bytes of the activations of one image, without attention maps.</summary>
    public static long BytesPerImage(VitShape shape) =>
        All.Sum(activation => (long)ColumnCount(activation, shape)) * shape.TokenCount * sizeof(float);

    public override void Release()
    {
        foreach (GrowingBuffer<float> buffer in _buffers)
            buffer.Release();
        base.Release();
    }

    protected override void ReserveRows(long rows, in VitShape shape)
    {
        foreach (Activation activation in All)
            _views[(int)activation] = _buffers[(int)activation].Reserve(rows * ColumnCount(activation, shape));
    }
}
