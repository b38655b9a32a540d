using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// The buffers of a forward pass on tensor cores: what a product reads is in the format, what is summed or compared is in float32. Each grows to the
/// largest batch and input seen, and is then reused by every block and call.
/// </summary>
/// <param name="accelerator">The caller's.</param>
/// <param name="elementSize">Bytes of a value in the format.</param>
internal sealed class TensorCoreActivations(Accelerator accelerator, int elementSize) : IDisposable
{
    private static readonly Activation[] All = Enum.GetValues<Activation>();

    private readonly GrowingBuffer<uint>[] _formatBuffers = [.. All.Select(_ => new GrowingBuffer<uint>(accelerator))];
    private readonly GrowingBuffer<float>[] _floatBuffers = [.. All.Select(_ => new GrowingBuffer<float>(accelerator))];
    private readonly ArrayView<uint>[] _formatViews = new ArrayView<uint>[All.Length];
    private readonly ArrayView<float>[] _floatViews = new ArrayView<float>[All.Length];
    private readonly GrowingBuffer<byte> _pixels = new(accelerator);
    private readonly GrowingBuffer<float> _positions = new(accelerator);
    private readonly GrowingBuffer<float> _probabilities = new(accelerator);

    /// <summary>(images, height, width, 3)</summary>
    public ArrayView<byte> Pixels { get; private set; }

    /// <summary>(tokens, hidden)</summary>
    public ArrayView<float> Positions { get; private set; }

    /// <summary>(images, heads, tokens, tokens) when the request keeps attention.</summary>
    public ArrayView<float> Probabilities { get; private set; }

    /// <summary>(images * tokens, columns) in the format: patches, normed rows, context, MLP, and queries, keys and values for attention in the format.</summary>
    public ArrayView<uint> InFormat(Activation activation) => _formatViews[(int)activation];

    /// <summary>(images * tokens, columns) in float32: the residual stream, the final norm's rows, and, for attention in float32, queries, keys, values and context.</summary>
    public ArrayView<float> InFloat(Activation activation) => _floatViews[(int)activation];

    /// <summary>Makes room for a request and uploads its input.</summary>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="positions">(tokens, hidden)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size and what to keep.</param>
    /// <param name="floatAttention">Whether attention runs in float32.</param>
    /// <exception cref="DinoException">The device has no room for it.</exception>
    public void Upload(ReadOnlySpan<byte> pixels, ReadOnlySpan<float> positions, in VitShape shape, in ForwardRequest request, bool floatAttention)
    {
        try
        {
            long rows = (long)request.Batch * shape.TokenCount;
            foreach (Activation activation in All)
            {
                long length = rows * PortableActivations.ColumnCount(activation, shape);
                if (activation != Activation.Residual && !(activation == Activation.Qkv && floatAttention))
                    _formatViews[(int)activation] = _formatBuffers[(int)activation].Reserve(length * elementSize / sizeof(uint));
                if (activation is Activation.Residual or Activation.Normed || (activation is Activation.Qkv or Activation.Context && floatAttention))
                    _floatViews[(int)activation] = _floatBuffers[(int)activation].Reserve(length);
            }

            Probabilities = request.AttentionLayerCount > 0 ? _probabilities.Reserve(rows * shape.HeadCount * shape.TokenCount) : default;
            Pixels = _pixels.Reserve(pixels.Length);
            Positions = _positions.Reserve(positions.Length);
        }
        catch (Exception exception)
        {
            throw new DinoException(
                $"No room on {accelerator.Name} ({accelerator.MemorySize >> 20} MiB) for {request.Batch} images of "
                + $"{shape.InputWidth}x{shape.InputHeight} at once; use a smaller batch.",
                exception);
        }

        Pixels.CopyFromCPU(accelerator.DefaultStream, pixels);
        Positions.CopyFromCPU(accelerator.DefaultStream, positions);
    }

    public void Dispose()
    {
        foreach (GrowingBuffer<uint> buffer in _formatBuffers)
            buffer.Dispose();
        foreach (GrowingBuffer<float> buffer in _floatBuffers)
            buffer.Dispose();
        _pixels.Dispose();
        _positions.Dispose();
        _probabilities.Dispose();
    }
}
