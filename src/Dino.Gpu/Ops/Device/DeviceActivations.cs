using Dino.Gpu.Files;
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

    private readonly GrowingBuffer<float> _start = new(accelerator);
    private readonly GrowingBuffer<float> _rotation = new(accelerator);
    private readonly GrowingBuffer<float> _probabilities = new(accelerator);
    private readonly GrowingBuffer<float> _queriesAndKeys = new(accelerator);
    private readonly GrowingBuffer<float> _rolloutRows = new(accelerator);
    private InputTables? _uploaded;

    /// <summary>(images, height, width, 3). The slot owns it.</summary>
    public ArrayView<byte> Pixels { get; private set; }

    /// <summary>
    /// (images, height, width, 3): <see cref="Pixels"/> as normalized floats, where they are that; null where they are
    /// bytes.
    /// </summary>
    public ArrayView<float>? Fractions { get; private set; }

    /// <summary>(tokens, hidden): <see cref="InputTables.Start"/>.</summary>
    public ArrayView<float> Start { get; private set; }

    /// <summary>(patches, head size): <see cref="InputTables.Rotation"/>.</summary>
    public ArrayView<float> Rotation { get; private set; }

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
    /// <param name="activation">The activation.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="multiple">What a family fills up the columns of patches and of the MLP to.</param>
    public static int ColumnCount(Activation activation, in VitShape shape, int multiple = 1) => activation switch
    {
        Activation.Patches => PaddedLayer.RoundUp(shape.PatchLength, multiple),
        Activation.Qkv => 3 * shape.HiddenSize,
        Activation.Mlp => PaddedLayer.RoundUp(shape.MlpSize, multiple),
        _ => shape.HiddenSize,
    };

    /// <summary>Makes room for a pass.</summary>
    /// <param name="input">
    /// The inputs of the pass. Tables are uploaded if they are others than last time.
    /// </param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size and the outputs to keep.</param>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    public void Reserve(in PassInput input, in VitShape shape, in ForwardRequest request)
    {
        input.Tables.Require(shape);
        (float[] start, float[] rotation) = input.Tables;
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
            if (!ReferenceEquals(input.Tables, _uploaded))
            {
                _uploaded = null;
                Start = _start.Reserve(start.Length);
                Start.CopyFromCPU(accelerator.DefaultStream, start.AsSpan());
                if (rotation.Length > 0)
                {
                    Rotation = _rotation.Reserve(rotation.Length);
                    Rotation.CopyFromCPU(accelerator.DefaultStream, rotation.AsSpan());
                }

                _uploaded = input.Tables;
            }
        }
        catch (Exception exception) when (DeviceMemoryException.IsCause(exception))
        {
            throw new DeviceMemoryException(
                $"no room on {accelerator.Name} ({accelerator.MemorySize >> 20} MiB) for {Quantity.Of(request.Batch, "image")} of "
                + $"{shape.InputWidth}x{shape.InputHeight} at once",
                "use a smaller batch",
                exception);
        }

        long pixelLength = 3L * request.Batch * shape.PictureWidth * shape.PictureHeight * (input.HasFractions ? sizeof(float) : 1);
        if (input.Pixels.Length != pixelLength)
            throw new ArgumentException(
                $"{request.Batch} images of {shape.PictureWidth}x{shape.PictureHeight} have {pixelLength} bytes, "
                + $"got {input.Pixels.Length}.",
                nameof(input));
        Pixels = input.Pixels;
        Fractions = input.HasFractions ? input.Pixels.Cast<float>() : null;
        Results = input.Results;
    }

    /// <summary>
    /// Frees every buffer. After a batch that did not fit, the buffers that grew for it would leave no room for a
    /// smaller one.
    /// </summary>
    public virtual void Release()
    {
        _start.Release();
        _rotation.Release();
        _probabilities.Release();
        _queriesAndKeys.Release();
        _rolloutRows.Release();
        _uploaded = null;
    }

    public void Dispose() => Release();

    /// <summary>Makes room for the activations of <paramref name="rows"/> tokens.</summary>
    protected abstract void ReserveRows(long rows, in VitShape shape);
}
