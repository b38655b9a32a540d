using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// The buffers of a forward pass that every kernel family has on a device. Each grows to the largest batch and input so
/// far. All blocks and passes reuse them, because passes follow each other on one stream.
/// </summary>
/// <param name="accelerator">The accelerator; the caller owns it.</param>
internal abstract class DeviceActivations(Accelerator accelerator) : IDisposable
{
    /// <summary>The number of query rows whose probabilities a rollout holds at a time.</summary>
    public const int RolloutBlockRows = 64;

    protected static readonly Activation[] All = Enum.GetValues<Activation>();

    private readonly GrowingBuffer<float> _positions = new(accelerator);
    private readonly GrowingBuffer<float> _probabilities = new(accelerator);
    private readonly GrowingBuffer<float> _queriesAndKeys = new(accelerator);
    private readonly GrowingBuffer<float> _rolloutRows = new(accelerator);
    private float[]? _uploadedPositions;

    /// <summary>(images, height, width, 3). The slot owns it.</summary>
    public ArrayView<byte> Pixels { get; private set; }

    /// <summary>(tokens, hidden)</summary>
    public ArrayView<float> Positions { get; private set; }

    /// <summary>
    /// (images, heads, rows kept, tokens) if the request keeps attention, or a block of rows for a rollout.
    /// </summary>
    public ArrayView<float> Probabilities { get; private set; }

    /// <summary>(layers, images * tokens, 2 * hidden), for a rollout.</summary>
    public ArrayView<float> QueriesAndKeys { get; private set; }

    /// <summary>(2, images, tokens), for a rollout: the row so far, and the next row.</summary>
    public ArrayView<float> RolloutRows { get; private set; }

    /// <summary>Copies results to the host. The slot owns it.</summary>
    public PinnedTransfers Results { get; private set; } = null!;

    /// <summary>Columns of an activation.</summary>
    public static int ColumnCount(Activation activation, in VitShape shape) => activation switch
    {
        Activation.Patches => shape.PatchLength,
        Activation.Qkv => 3 * shape.HiddenSize,
        Activation.Mlp => shape.MlpSize,
        _ => shape.HiddenSize,
    };

    /// <summary>Makes room for a pass.</summary>
    /// <param name="input">
    /// The inputs of the pass. Positions are uploaded if they are another array than last time.
    /// </param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size and the outputs to keep.</param>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    public void Reserve(in PassInput input, in VitShape shape, in ForwardRequest request)
    {
        if (input.Positions.Length != shape.TokenCount * shape.HiddenSize)
            throw new ArgumentException(
                $"The position table is ({shape.TokenCount}, {shape.HiddenSize}), got {input.Positions.Length} values.",
                nameof(input));
        try
        {
            long rows = (long)request.Batch * shape.TokenCount;
            ReserveRows(rows, shape);
            long attentions = request.AttentionLayers != 0 ? new OutputLayout(shape, request).SlotLength(OutputPart.Attentions) : 0;
            if (request.Rollout != 0)
            {
                attentions = Math.Max(attentions, Math.Min(RolloutBlockRows, shape.TokenCount) * rows * shape.HeadCount);
                QueriesAndKeys = _queriesAndKeys.Reserve(2 * shape.LayerCount * rows * shape.HiddenSize);
                RolloutRows = _rolloutRows.Reserve(2 * rows);
            }

            Probabilities = attentions > 0 ? _probabilities.Reserve(attentions) : default;
            if (!ReferenceEquals(input.Positions, _uploadedPositions))
            {
                _uploadedPositions = null;
                Positions = _positions.Reserve(input.Positions.Length);
                Positions.CopyFromCPU(accelerator.DefaultStream, input.Positions.AsSpan());
                _uploadedPositions = input.Positions;
            }
        }
        catch (Exception exception) when (DeviceMemoryException.IsCause(exception))
        {
            throw new DeviceMemoryException(
                $"no room on {accelerator.Name} ({accelerator.MemorySize >> 20} MiB) for {request.Batch} images of "
                + $"{shape.InputWidth}x{shape.InputHeight} at once",
                "use a smaller batch",
                exception);
        }

        long pixelLength = 3L * request.Batch * shape.PictureWidth * shape.PictureHeight;
        if (input.Pixels.Length != pixelLength)
            throw new ArgumentException(
                $"{request.Batch} images of {shape.PictureWidth}x{shape.PictureHeight} have {pixelLength} bytes, "
                + $"got {input.Pixels.Length}.",
                nameof(input));
        Pixels = input.Pixels;
        Results = input.Results;
    }

    /// <summary>
    /// Frees every buffer. After a batch that did not fit, the buffers that grew for it would leave no room for a
    /// smaller one.
    /// </summary>
    public virtual void Release()
    {
        _positions.Release();
        _probabilities.Release();
        _queriesAndKeys.Release();
        _rolloutRows.Release();
        _uploadedPositions = null;
    }

    public void Dispose() => Release();

    /// <summary>Makes room for the activations of <paramref name="rows"/> tokens.</summary>
    protected abstract void ReserveRows(long rows, in VitShape shape);
}
