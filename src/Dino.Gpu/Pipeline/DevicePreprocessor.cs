using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// <see cref="Preprocessor"/> on a device: decoded pictures of any sizes go up as they are, the model's input stays there, with the
/// same bytes that the host would have made. Normalising is the model's first step, <see cref="Embedding.UnfoldKernel"/>.
/// Not thread-safe; works on the accelerator's default stream, whose order lets one staging buffer serve all pictures.
/// </summary>
/// <param name="accelerator">The caller's.</param>
/// <param name="preprocessor">Preset and input size.</param>
internal sealed class DevicePreprocessor(Accelerator accelerator, Preprocessor preprocessor) : IDisposable
{
    private const int GroupSize = 256;

    private readonly GrowingBuffer<byte> _source = new(accelerator);
    private readonly GrowingBuffer<byte> _narrowed = new(accelerator);
    private readonly GrowingBuffer<int> _acrossTable = new(accelerator);
    private readonly GrowingBuffer<int> _downTable = new(accelerator);
    private readonly Action<Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>> _rows =
        accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>>(
            Resize.RowsKernel, Math.Min(GroupSize, accelerator.MaxNumThreadsPerGroup));

    private readonly Action<Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>> _columns =
        accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>>(
            Resize.ColumnsKernel, Math.Min(GroupSize, accelerator.MaxNumThreadsPerGroup));

    private readonly Action<Index1D, ArrayView<byte>, ResizePass, ArrayView<byte>> _crop =
        accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ResizePass, ArrayView<byte>>(
            Resize.CropKernel, Math.Min(GroupSize, accelerator.MaxNumThreadsPerGroup));

    /// <summary>Bytes of one prepared picture.</summary>
    private int OutputLength => 3 * preprocessor.Width * preprocessor.Height;

    /// <summary>Uploads decoded pictures and prepares them.</summary>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="pixels">(images, height, width, 3): the model's input, on the device.</param>
    /// <exception cref="DinoException">A picture is too long for the pass between the two sides.</exception>
    public void Apply(IReadOnlyList<RgbImage> images, ArrayView<byte> pixels)
    {
        if (pixels.Length != (long)images.Count * OutputLength)
            throw new ArgumentException($"{images.Count} images take {(long)images.Count * OutputLength} bytes, got {pixels.Length}.", nameof(pixels));
        for (int i = 0; i < images.Count; i++)
            Apply(images[i], pixels.SubView((long)i * OutputLength, OutputLength));
    }

    public void Dispose()
    {
        _source.Dispose();
        _narrowed.Dispose();
        _acrossTable.Dispose();
        _downTable.Dispose();
    }

    private void Apply(RgbImage image, ArrayView<byte> output)
    {
        ResizePlan plan = preprocessor.Plan(image.Width, image.Height);
        ResizeCoefficients? across = plan.Across(image.Width);
        ResizeCoefficients? down = plan.Down(image.Height);

        // Only the input rows that reach the crop go up.
        int firstRow = down?.InputStart ?? (int)plan.Top;
        int rows = (down?.InputEnd ?? (int)plan.Top + plan.CropHeight) - firstRow;
        int sourceStride = 3 * image.Width;
        int lineLength = 3 * plan.CropWidth;
        if ((long)rows * lineLength > int.MaxValue)
            throw new DinoException($"picture too long: {image.Width}x{image.Height} made {plan.CropWidth} wide takes {(long)rows * lineLength} bytes on the way to {plan.Width}x{plan.Height}");
        ArrayView<byte> source = _source.Reserve((long)rows * sourceStride);
        source.CopyFromCPU(accelerator.DefaultStream, image.Pixels.AsSpan(firstRow * sourceStride, rows * sourceStride));

        ArrayView<byte> narrowed = down is null ? output : _narrowed.Reserve((long)rows * lineLength); // (rows, crop width, 3)
        if (across is null)
            _crop(rows * lineLength, source, new ResizePass(3 * plan.Left, sourceStride, 0, lineLength, 0), narrowed);
        else
            _rows(rows * lineLength, source, Upload(across, _acrossTable), new ResizePass(0, sourceStride, 3, lineLength, across.TableStride), narrowed);

        if (down is not null)
        {
            var pass = new ResizePass(-(long)firstRow * lineLength, lineLength, lineLength, lineLength, down.TableStride);
            _columns(plan.CropHeight * lineLength, narrowed, Upload(down, _downTable), pass, output);
        }
    }

    private ArrayView<int> Upload(ResizeCoefficients coefficients, GrowingBuffer<int> buffer)
    {
        int[] table = coefficients.ToTable();
        ArrayView<int> view = buffer.Reserve(table.Length);
        view.CopyFromCPU(accelerator.DefaultStream, table.AsSpan());
        return view;
    }
}
