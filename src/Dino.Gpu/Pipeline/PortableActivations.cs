using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>The buffers of a forward pass on a device. Each grows to the largest batch and input seen, and is then reused by every block and call.</summary>
internal sealed class PortableActivations(Accelerator accelerator) : IDisposable
{
    private static readonly Activation[] All = Enum.GetValues<Activation>();

    private readonly GrowingBuffer<float>[] _buffers = [.. All.Select(_ => new GrowingBuffer<float>(accelerator))];
    private readonly ArrayView<float>[] _views = new ArrayView<float>[All.Length];
    private readonly GrowingBuffer<byte> _pixels = new(accelerator);
    private readonly GrowingBuffer<float> _positions = new(accelerator);
    private readonly GrowingBuffer<float> _probabilities = new(accelerator);

    /// <summary>(images * tokens, columns)</summary>
    public ArrayView<float> this[Activation activation] => _views[(int)activation];

    /// <summary>(images, height, width, 3)</summary>
    public ArrayView<byte> Pixels { get; private set; }

    /// <summary>(tokens, hidden)</summary>
    public ArrayView<float> Positions { get; private set; }

    /// <summary>(images, heads, tokens, tokens) when the request keeps attention.</summary>
    public ArrayView<float> Probabilities { get; private set; }

    /// <summary>Columns of an activation.</summary>
    public static int ColumnCount(Activation activation, in VitShape shape) => activation switch
    {
        Activation.Patches => shape.PatchLength,
        Activation.Qkv => 3 * shape.HiddenSize,
        Activation.Mlp => shape.MlpSize,
        _ => shape.HiddenSize,
    };

    /// <summary>Bytes of a request's activations and pixels for one image, without attention maps.</summary>
    public static long BytesPerImage(VitShape shape) =>
        All.Sum(activation => (long)ColumnCount(activation, shape)) * shape.TokenCount * sizeof(float) + 3L * shape.InputWidth * shape.InputHeight;

    /// <summary>Makes room for a request and uploads its input.</summary>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    public void Upload(ReadOnlySpan<byte> pixels, ReadOnlySpan<float> positions, in VitShape shape, in ForwardRequest request)
    {
        try
        {
            long rows = (long)request.Batch * shape.TokenCount;
            foreach (Activation activation in All)
                _views[(int)activation] = _buffers[(int)activation].Reserve(rows * ColumnCount(activation, shape));
            Probabilities = request.AttentionLayerCount > 0 ? _probabilities.Reserve(rows * shape.HeadCount * shape.TokenCount) : default;
            Pixels = _pixels.Reserve(pixels.Length);
            Positions = _positions.Reserve(positions.Length);
        }
        catch (Exception exception) when (DeviceMemoryException.IsCause(exception))
        {
            throw new DeviceMemoryException(
                $"No room on {accelerator.Name} ({accelerator.MemorySize >> 20} MiB) for {request.Batch} images of "
                + $"{shape.InputWidth}x{shape.InputHeight} at once; use a smaller batch.",
                exception);
        }

        Pixels.CopyFromCPU(accelerator.DefaultStream, pixels);
        Positions.CopyFromCPU(accelerator.DefaultStream, positions);
    }

    /// <summary>Frees every buffer: those that had grown for a batch whose others did not fit would keep smaller ones from fitting.</summary>
    public void Release()
    {
        foreach (GrowingBuffer<float> buffer in _buffers)
            buffer.Release();
        _pixels.Release();
        _positions.Release();
        _probabilities.Release();
    }

    public void Dispose() => Release();
}
