using System.Runtime.InteropServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Device;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// <see cref="Preprocessor"/> on a device. It uploads decoded pictures, and the model's input stays on the device, with
/// the same bytes as on the host. The model's first step, <see cref="Embedding.UnfoldKernel"/>, normalizes. It has its
/// own stream, whose order lets one buffer serve all pictures. Not thread-safe.
/// </summary>
internal sealed class DevicePreprocessor : IDisposable
{
    /// <summary>
    /// The largest decoded picture that is resized on a device, in bytes; 640x480 pixels take 0.88 MiB. Pictures wait
    /// for their batch in host memory, so this limit bounds that memory. The host resizes a larger picture as soon as
    /// it is decoded.
    /// </summary>
    private const int MostSource = 1 << 20;

    /// <summary>
    /// The most bytes between the two passes of a resize. A narrow and high picture grows before it shrinks.
    /// </summary>
    private const int MostNarrowed = 8 << 20;

    /// <summary>The most integers of resize tables that are kept for pictures of the same size.</summary>
    private const int MostTables = 1 << 20;

    private readonly ResizeKernels _kernels;
    private readonly Preprocessor _preprocessor;
    private readonly AcceleratorStream _stream;
    private readonly PinnedTransfers _transfers;
    private readonly GrowingBuffer<byte> _source;
    private readonly GrowingBuffer<byte> _narrowed;
    private readonly GrowingBuffer<int> _acrossTable;
    private readonly GrowingBuffer<int> _downTable;
    private readonly Dictionary<(int Width, int Height), Tables> _tables = [];
    private int _tableLength;
    private float[]? _normalized; // (height, width, 3)

    /// <param name="accelerator">The accelerator; the caller owns it.</param>
    /// <param name="kernels">Kernels for that accelerator; several preprocessors may share them.</param>
    /// <param name="preprocessor">Preset and input size.</param>
    public DevicePreprocessor(Accelerator accelerator, ResizeKernels kernels, Preprocessor preprocessor)
    {
        _kernels = kernels;
        _preprocessor = preprocessor;
        _stream = accelerator.CreateStream();
        _transfers = new PinnedTransfers(_stream);
        _source = new GrowingBuffer<byte>(accelerator);
        _narrowed = new GrowingBuffer<byte>(accelerator);
        _acrossTable = new GrowingBuffer<int>(accelerator);
        _downTable = new GrowingBuffer<int>(accelerator);
    }

    /// <summary>Whether prepared pictures are normalized floats. The host resizes those.</summary>
    public bool HasFractions => _preprocessor.KeepsFractions;

    /// <summary>Bytes of one prepared picture.</summary>
    public int OutputLength => checked(3 * _preprocessor.Width * _preprocessor.Height * (HasFractions ? sizeof(float) : 1));

    /// <summary>
    /// Whether a decoded picture of this size is resized on a device: it is not too large, and not of the input size,
    /// which counts as prepared.
    /// </summary>
    public static bool Takes(Preprocessor preprocessor, int width, int height) =>
        (width != preprocessor.Width || height != preprocessor.Height)
        && preprocessor.Resizes && !preprocessor.KeepsFractions
        && 3L * width * height <= MostSource
        && 3L * preprocessor.Width * height <= MostNarrowed;

    /// <summary>
    /// Uploads pictures, resizes those that do not have the input size, and waits until all are on the device.
    /// </summary>
    /// <param name="images">The pictures.</param>
    /// <param name="first">The first one to take.</param>
    /// <param name="count">How many to take.</param>
    /// <param name="pixels">(count, height, width, 3): the model's input, on the device.</param>
    public void Apply(IReadOnlyList<RgbImage> images, int first, int count, ArrayView<byte> pixels)
    {
        if (pixels.Length != (long)count * OutputLength)
            throw new ArgumentException($"{count} images take {(long)count * OutputLength} bytes, got {pixels.Length}.", nameof(pixels));
        for (int i = 0; i < count; i++)
        {
            RgbImage image = images[first + i];
            ArrayView<byte> input = pixels.SubView((long)i * OutputLength, OutputLength);
            if (HasFractions)
                Normalize(image, input);
            else if (image.Width == _preprocessor.Width && image.Height == _preprocessor.Height)
                _transfers.Upload<byte>(image.Pixels, input);
            else
                Resize(image, input);
        }

        _stream.Synchronize();
        _transfers.Complete();
    }

    /// <summary>Waits for the queued work after a failure, and drops its results.</summary>
    public void Abandon()
    {
        try
        {
            _stream.Synchronize();
        }
        catch (Exception failure) when (failure is AcceleratorException)
        {
            // A device that reports an error has stopped. The exception that led here has the reason.
        }

        _transfers.Forget();
    }

    /// <summary>Frees the memory. The next batch allocates again. Nothing may be queued.</summary>
    public void Release()
    {
        _transfers.Release();
        _source.Release();
        _narrowed.Release();
        _acrossTable.Release();
        _downTable.Release();
        _tables.Clear();
        _tableLength = 0;
    }

    public void Dispose()
    {
        Release();
        DeviceResources.Free(_stream);
    }

    private void Normalize(RgbImage image, ArrayView<byte> output)
    {
        float[] values = _normalized ??= new float[image.Pixels.Length];
        PixelNormalization.NormalizePixels(image, _preprocessor.Config, values);
        _transfers.Upload<byte>(MemoryMarshal.AsBytes(values.AsSpan()), output);
    }

    private void Resize(RgbImage image, ArrayView<byte> output)
    {
        ResizePlan plan = _preprocessor.Plan(image.Width, image.Height);
        (Table? across, Table? down) = TablesFor(image, plan);

        // Only the input rows that the crop needs are uploaded.
        int firstRow = down?.InputStart ?? (int)plan.Top;
        int rows = (down?.InputEnd ?? (int)plan.Top + plan.CropHeight) - firstRow;
        int sourceStride = 3 * image.Width;
        int lineLength = 3 * plan.CropWidth;
        int narrowedLength = checked(rows * lineLength);
        ArrayView<byte> source = _source.Reserve((long)rows * sourceStride);
        _transfers.Upload<byte>(image.Pixels.AsSpan(firstRow * sourceStride, rows * sourceStride), source);

        ArrayView<byte> narrowed = down is null ? output : _narrowed.Reserve(narrowedLength); // (rows, crop width, 3)
        if (across is null)
        {
            _kernels.Crop(_stream, narrowedLength, source, new ResizePass(3 * plan.Left, sourceStride, 0, lineLength, 0), narrowed);
        }
        else
        {
            var pass = new ResizePass(0, sourceStride, 3, lineLength, across.Stride);
            _kernels.Rows(_stream, narrowedLength, source, Upload(across, _acrossTable), pass, narrowed);
        }

        if (down is not null)
        {
            var pass = new ResizePass(-(long)firstRow * lineLength, lineLength, lineLength, lineLength, down.Stride);
            _kernels.Columns(_stream, plan.CropHeight * lineLength, narrowed, Upload(down, _downTable), pass, output);
        }
    }

    private ArrayView<int> Upload(Table table, GrowingBuffer<int> buffer)
    {
        ArrayView<int> view = buffer.Reserve(table.Values.Length);
        _transfers.Upload<int>(table.Values, view);
        return view;
    }

    /// <summary>
    /// The weights of both passes. They are kept, because pictures of a data set often share their size, and computing
    /// the weights takes as long as uploading the picture.
    /// </summary>
    private Tables TablesFor(RgbImage image, in ResizePlan plan)
    {
        if (_tables.TryGetValue((image.Width, image.Height), out Tables tables))
            return tables;
        tables = new Tables(Table.Of(plan.Across(image.Width)), Table.Of(plan.Down(image.Height)));
        _tableLength += (tables.Across?.Values.Length ?? 0) + (tables.Down?.Values.Length ?? 0);
        if (_tableLength > MostTables)
        {
            _tables.Clear();
            _tableLength = 0;
        }

        _tables.Add((image.Width, image.Height), tables);
        return tables;
    }

    /// <summary>The weights for a picture size; null for a pass that only crops.</summary>
    private readonly record struct Tables(Table? Across, Table? Down);

    /// <summary><see cref="ResizeCoefficients"/> as a kernel reads them.</summary>
    private sealed record Table(int[] Values, int Stride, int InputStart, int InputEnd)
    {
        public static Table? Of(ResizeCoefficients? coefficients) => coefficients is null
            ? null
            : new Table(coefficients.ToTable(), coefficients.TableStride, coefficients.InputStart, coefficients.InputEnd);
    }
}
