using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>The buffers of a forward pass on a device. Each grows to the largest batch and input seen, and is then reused by every block and call.</summary>
internal sealed class PortableActivations(Accelerator accelerator) : IDisposable
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense>?[] _buffers = new MemoryBuffer1D<float, Stride1D.Dense>?[Enum.GetValues<Activation>().Length];
    private MemoryBuffer1D<byte, Stride1D.Dense>? _pixels;
    private MemoryBuffer1D<float, Stride1D.Dense>? _positions;
    private MemoryBuffer1D<float, Stride1D.Dense>? _probabilities;

    /// <summary>(images * tokens, columns), at least.</summary>
    public ArrayView<float> this[Activation activation] => _buffers[(int)activation]!.View.AsContiguous();

    /// <summary>(images, height, width, 3), at least.</summary>
    public ArrayView<byte> Pixels => _pixels!.View.AsContiguous();

    /// <summary>(tokens, hidden), at least.</summary>
    public ArrayView<float> Positions => _positions!.View.AsContiguous();

    /// <summary>(images, heads, tokens, tokens), at least, once a request has kept attention.</summary>
    public ArrayView<float> Probabilities => _probabilities!.View.AsContiguous();

    /// <summary>Columns of an activation.</summary>
    public static int ColumnCount(Activation activation, in VitShape shape) => activation switch
    {
        Activation.Patches => shape.PatchLength,
        Activation.Qkv => 3 * shape.HiddenSize,
        Activation.Mlp => shape.MlpSize,
        _ => shape.HiddenSize,
    };

    /// <summary>Makes room for a request and uploads its input.</summary>
    /// <exception cref="DinoException">The device has no room for it.</exception>
    public void Upload(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request)
    {
        try
        {
            Grow(pixels.Length, positions.Length, shape, request);
        }
        catch (Exception exception) when (exception is not DinoException)
        {
            throw new DinoException(
                $"No room on {accelerator.Name} for {request.Batch} images of {shape.InputWidth}x{shape.InputHeight}; use a smaller batch "
                + $"(the device has {accelerator.MemorySize >> 20} MiB).",
                exception);
        }

        _pixels!.View.SubView(0, pixels.Length).CopyFromCPU(accelerator.DefaultStream, pixels);
        _positions!.View.SubView(0, positions.Length).CopyFromCPU(accelerator.DefaultStream, positions.AsSpan());
    }

    public void Dispose()
    {
        foreach (MemoryBuffer1D<float, Stride1D.Dense>? buffer in _buffers)
            buffer?.Dispose();
        _pixels?.Dispose();
        _positions?.Dispose();
        _probabilities?.Dispose();
    }

    private void Grow(int pixelLength, int positionLength, in VitShape shape, in ForwardRequest request)
    {
        long rows = (long)request.Batch * shape.TokenCount;
        foreach (Activation activation in Enum.GetValues<Activation>())
            Grow(ref _buffers[(int)activation], rows * ColumnCount(activation, shape));
        if (request.AttentionLayerCount > 0)
            Grow(ref _probabilities, rows * shape.HeadCount * shape.TokenCount);
        Grow(ref _pixels, pixelLength);
        Grow(ref _positions, positionLength);
    }

    private void Grow<T>(ref MemoryBuffer1D<T, Stride1D.Dense>? buffer, long length)
        where T : unmanaged
    {
        if (buffer is not null && buffer.Length >= length)
            return;
        buffer?.Dispose();
        buffer = null;
        buffer = accelerator.Allocate1D<T>(length);
    }
}
