using System.Collections.Concurrent;
using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Serving;
using Dino.Gpu.Vit;

namespace Dino.Gpu;

/// <summary>
/// A DINO ViT on one device: pictures in, embeddings out. The encoder owns the device and its memory until it is
/// disposed. It is thread-safe. Pictures are prepared on the calling thread, and the device computes one batch after
/// another. While a GPU computes a batch it takes in the next one, from the same call or from another thread's.
/// </summary>
/// <example>
/// <code>
/// using var encoder = DinoEncoder.Load("weights/pytorch_model.bin");
/// float[] embedding = encoder.Embed("cat.jpg");
/// </code>
/// </example>
public sealed partial class DinoEncoder : IDinoEncoder
{
    private const int MostKeptScales = 16;

    private readonly DinoOptions _options;
    private readonly IImageDecoder _decoder;
    private readonly Preprocessor _preprocessor;
    private readonly DinoDevice _device;
    private readonly VitExecutor _executor;
    private readonly BatchRunner _batches;
    private readonly VitShape _shape;
    private readonly StartingTable _start;
    private readonly float[] _rotaryPeriods; // (head size / 4), or none
    private readonly ConcurrentDictionary<double, ScaledInput> _scales = [];

    /// <param name="weights">The model.</param>
    /// <param name="options">Device, precision, input size and so on.</param>
    /// <param name="createExecutor">Makes the executor that runs the model on the device.</param>
    private DinoEncoder(VitWeights weights, DinoOptions options, Func<DinoDevice, VitWeights, VitExecutor> createExecutor)
    {
        Pictures = weights.Preprocessor;
        if (options.Preprocess == PreprocessPreset.Dino)
            weights = weights.With(preprocessor: null); // the original evaluation, whatever the checkpoint says
        Config = weights.Config;
        Notes = weights.Notes;
        _options = options;
        (int width, int height) = InputSize(weights, options);
        _preprocessor = weights.Preprocessor is { } asked
            ? new Preprocessor(asked, width, height)
            : new Preprocessor(options.Preprocess, width, height);
        Preprocessing = PreprocessingName(options.Preprocess, weights.Preprocessor);
        _decoder = ImageDecoding.For(options.Decoder ?? new StbImageDecoder(), _preprocessor);
        _shape = new VitShape(weights.Config, width, height);
        _start = new StartingTable(weights);
        _rotaryPeriods = weights.RotaryPeriods;
        InputTables tables = Tables(_shape);
        _device = DinoDevice.Open(
            options.Device, options.Threads, warning: options.Warning, mayBeDirect: true, precision: options.Precision);
        try
        {
            _executor = createExecutor(_device, weights);
            // after the upload of the weights: the memory that is still free is for activations
            int batchSize = options.BatchSize ?? BatchChoice.For(_device, _shape, _preprocessor.KeepsFractions);
            _batches = new BatchRunner(_executor, Device, _preprocessor, _shape, tables, batchSize, options.Warning)
            {
                OwnDevice = _device,
            };
        }
        catch (Exception exception)
        {
            DinoException? failure = DeviceFailure.IsDriverError(exception) ? DeviceFailure.Of(exception).ToException(Device) : null;
            _executor?.Dispose();
            _device.Dispose();
            if (failure is not null)
                throw failure;
            throw;
        }
    }

    /// <summary>The model's sizes.</summary>
    public VitConfig Config { get; }

    /// <inheritdoc cref="VitWeights.Notes"/>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The device it runs on.</summary>
    public DeviceInfo Device => (_device.Family, _options.Precision) switch
    {
        (KernelFamily.Simd, var precision) => _device.Info with
        {
            Family = precision == Precision.Float32 ? KernelFamily.Simd : KernelFamily.Generated,
            Vectors = CpuVectors.Describe(CpuVectors.Choose(_options.VectorWidth, precision), precision),
        },
        (_, Precision.Float32) => _device.Info,
        _ => _device.Info with { Family = KernelFamily.TensorCore },
    };

    /// <inheritdoc/>
    public IReadOnlyList<DeviceInfo> Devices => [Device];

    /// <summary>Input width in pixels.</summary>
    public int InputWidth => _shape.InputWidth;

    /// <summary>Input height in pixels.</summary>
    public int InputHeight => _shape.InputHeight;

    /// <summary>Tokens of one picture: the class token, the registers, then one token for each patch.</summary>
    public int TokenCount => _shape.TokenCount;

    /// <summary>Columns of the patch grid.</summary>
    public int GridWidth => _shape.GridWidth;

    /// <summary>Rows of the patch grid.</summary>
    public int GridHeight => _shape.GridHeight;

    /// <summary>The most images in one forward pass. It shrinks when the device runs out of memory.</summary>
    public int BatchSize => _batches.BatchSize;

    /// <summary>
    /// The most batches under way at the same time: one computes while the others are uploaded. If as many threads call
    /// the encoder, the device never waits for pictures.
    /// </summary>
    public int BatchesInFlight => _batches.BatchesInFlight;

    /// <summary>
    /// How a picture becomes the input: <c>hf</c>, <c>dino</c>, or <c>hf</c> and in what the checkpoint's
    /// <c>preprocessor_config.json</c> differs from the published model's, such as <c>hf, bicubic</c>.
    /// </summary>
    public string Preprocessing { get; }

    /// <summary>What the checkpoint says about pictures, whatever is done; null where it says nothing.</summary>
    internal PreprocessorConfig? Pictures { get; }

    /// <summary>Loads a checkpoint onto a device.</summary>
    /// <param name="weights">
    /// What <see cref="WeightSource"/> takes: a <c>.bin</c>, <c>.pth</c> or <c>.safetensors</c> file, a folder with
    /// one, a model in the Hugging Face cache such as <c>facebook/dino-vits16</c>, or <c>synthetic[:SEED]</c> for
    /// seeded weights. Seeded weights run like real ones, but their embeddings mean nothing.
    /// </param>
    /// <param name="options">Device, input size and so on; null for the defaults.</param>
    /// <param name="progress">Told about every tensor, and when the device is opened.</param>
    /// <param name="cancellation">Stops it between two tensors, and before the device is opened.</param>
    /// <exception cref="DinoException">The checkpoint or the device cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static DinoEncoder Load(
        string weights,
        DinoOptions? options = null,
        IProgress<DinoLoadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var watch = new LoadWatch(progress, cancellation);
        VitWeights model = WeightSource.Resolve(weights).Load(CheckpointOptions.Of(options), watch);
        watch.OpensDevice();
        return Create(model, options);
    }

    /// <summary>
    /// Loads a checkpoint onto a device without holding the calling thread. When cancelled it ends at once; what it has
    /// begun is freed later.
    /// </summary>
    /// <param name="weights">As for <see cref="Load"/>.</param>
    /// <param name="options">Device, input size and so on; null for the defaults.</param>
    /// <param name="progress">Told about every tensor, and when the device is opened.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="DinoException">The checkpoint or the device cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Task<DinoEncoder> LoadAsync(
        string weights,
        DinoOptions? options = null,
        IProgress<DinoLoadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return EmbedCalls.LoadAsync(() => Load(weights, options, progress, cancellation), cancellation);
    }

    /// <summary>Copies weights that are already in memory to a device.</summary>
    /// <param name="weights">The model.</param>
    /// <param name="options">Device, input size and so on; null for the defaults.</param>
    /// <exception cref="WeightsException">
    /// A size of the config or the length of an array does not fit the rest; the message names it.
    /// </exception>
    /// <exception cref="DinoException">The device cannot be used, or the input size does not fit.</exception>
    public static DinoEncoder Create(VitWeights weights, DinoOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        options ??= new DinoOptions();
        return Create(
            weights, options,
            (device, model) => VitExecutor.Create(device, model, options.Precision, options.VectorWidth, options.Warning));
    }

    /// <summary>Runs the model with the caller's executor, which the encoder disposes.</summary>
    internal static DinoEncoder Create(
        VitWeights weights, DinoOptions? options, Func<DinoDevice, VitWeights, VitExecutor> createExecutor) =>
        new(WeightShapes.Require(weights), options ?? new DinoOptions(), createExecutor);

    /// <summary>Decodes a file and resizes it to the model's input size.</summary>
    /// <param name="path">An image file.</param>
    /// <returns>InputWidth x InputHeight pixels, for <see cref="ForwardPrepared"/>.</returns>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    public RgbImage Prepare(string path) => Decode(path, _preprocessor.Apply);

    /// <summary>Decodes an image file that is already in memory and resizes it to the model's input size.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <exception cref="ImageException">The bytes are not an image.</exception>
    public RgbImage Prepare(ReadOnlyMemory<byte> file) => PrepareSource(file, _preprocessor.Apply);

    /// <summary>Resizes a picture to the model's input size.</summary>
    /// <param name="image">A picture of any size.</param>
    public RgbImage Prepare(RgbImage image) => _preprocessor.Apply(image);

    /// <summary>
    /// Decodes a file, and resizes it only if the device does not. A GPU resizes pictures of up to 1 MiB of pixels
    /// itself (640x480, for example), so those keep their size. The host resizes larger pictures, and all pictures for
    /// the CPU device. The embedding has the same bytes either way.
    /// </summary>
    /// <param name="path">An image file.</param>
    /// <returns>A picture for <see cref="ForwardPrepared"/> of this encoder.</returns>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    public RgbImage PrepareForDevice(string path) => Decode(path, PrepareForDevice);

    /// <summary>
    /// Resizes a picture only if the device does not, as <see cref="PrepareForDevice(string)"/> does.
    /// </summary>
    /// <param name="image">A picture of any size.</param>
    /// <returns>
    /// A picture for <see cref="ForwardPrepared"/> of this encoder; <paramref name="image"/> itself if it needs no
    /// resize.
    /// </returns>
    public RgbImage PrepareForDevice(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return ResizesOnDevice(image) ? image : _preprocessor.Apply(image);
    }

    /// <summary>
    /// Runs prepared pictures as one batch and returns the time of each step. The times are those of the device,
    /// without the upload.
    /// </summary>
    /// <param name="images">
    /// At least one picture, prepared as for <see cref="ForwardPrepared"/>. All of them form one batch.
    /// </param>
    /// <param name="outputs">What to compute.</param>
    public IReadOnlyList<OpTime> ProfilePrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs)
    {
        CheckPrepared(images);
        return _batches.RunTimed(images, new OutputSelection(_shape, outputs, new DinoLayers()).Request(images.Count));
    }

    /// <summary>
    /// Measures the device's peak at the encoder's precision, in floating-point operations a second: multiply-adds in
    /// registers, or the products of tensor cores.
    /// </summary>
    public double MeasurePeak() => _batches.MeasurePeak();

    /// <summary>
    /// Counts the floating-point operations of the model's matrix products for one picture, two for each multiply-add.
    /// It does not count the products of an attention rollout.
    /// </summary>
    /// <param name="outputs">
    /// The outputs to compute. The class token alone takes about 7 % less than all tokens.
    /// </param>
    public long CountOperations(DinoOutputs outputs) =>
        VitCost.Total(_shape, new OutputSelection(_shape, outputs, new DinoLayers()).Request(1));

    /// <summary>
    /// Waits for the batches under way, then frees the device and its memory. Calls of <see cref="EmbedAsync"/> whose
    /// picture is in no batch yet end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        EndCalls();
        _batches.Dispose();
    }

    /// <summary>Does the same as <see cref="Dispose"/>, without holding the calling thread.</summary>
    public ValueTask DisposeAsync()
    {
        EndCalls();
        return EmbedCalls.DisposeAsync(Dispose);
    }

    /// <summary>Decodes a file and applies a function to the picture.</summary>
    internal RgbImage Decode(string path, Func<RgbImage, RgbImage> then) =>
        DinoTelemetry.Decoding(() => ImageFile.Decode(path, _decoder, _options.Orientation, then));

    /// <summary>The options that it was made with.</summary>
    internal DinoOptions Options => _options;

    /// <summary>
    /// Whether the device resizes this picture itself. Never true for a picture of the input size:
    /// <see cref="ForwardPrepared"/> takes it as prepared, although a preset that crops may change it.
    /// </summary>
    internal bool ResizesOnDevice(RgbImage image) => _executor.Resizes(_preprocessor, image.Width, image.Height);

    private ScaledInput[] Inputs(IReadOnlyList<double>? scales)
    {
        CheckScales(scales);
        return [.. (scales ?? MultiScale.Default).Select(AtScale)];
    }

    /// <summary>The model at another scale of its input. The tables of a few scales are kept.</summary>
    private ScaledInput AtScale(double scale)
    {
        if (_scales.TryGetValue(scale, out ScaledInput? known))
            return known;
        if (_scales.Count >= MostKeptScales)
            _scales.Clear(); // whoever asks for ever other scales is not to fill the memory
        var shape = VitShape.AtScale(Config, InputWidth, InputHeight, scale);
        return _scales[scale] = new ScaledInput(shape, Tables(shape));
    }

    private void CheckScale(double scale)
    {
        if (!double.IsFinite(scale) || scale <= 0)
            throw new DinoException(string.Create(CultureInfo.InvariantCulture, $"the scale is {scale} (expected a number above 0)"));
        string size = string.Create(
            CultureInfo.InvariantCulture, $"{Math.Floor(InputWidth * scale):0}x{Math.Floor(InputHeight * scale):0}");
        string found = string.Create(CultureInfo.InvariantCulture, $"scale {scale} makes {size} pixels of {InputWidth}x{InputHeight}");
        if (InputWidth * scale * (InputHeight * scale) > ImageHeader.MaxPixels)
            throw new DinoException($"{found} (at most {ImageHeader.MaxPixels} are supported)", "take a smaller scale or input size");
        if (InputWidth * scale < Config.PatchSize || InputHeight * scale < Config.PatchSize)
        {
            throw new DinoException(
                $"{found}, which hold no patch (expected at least {Config.PatchSize}x{Config.PatchSize})",
                "take a larger scale or input size");
        }
    }

    private InputTables Tables(in VitShape shape) => InputTables.Of(_start, _rotaryPeriods, shape, _options.Interpolation);

    private static string PreprocessingName(PreprocessPreset preset, PreprocessorConfig? config) =>
        preset == PreprocessPreset.Dino ? "dino"
        : config is { Difference: { Length: > 0 } difference } ? $"hf, {difference}"
        : "hf";

    private static (int Width, int Height) InputSize(VitWeights weights, DinoOptions options)
    {
        VitConfig config = weights.Config;
        int width = options.InputWidth ?? weights.Preprocessor?.InputWidth ?? config.DefaultInputSize;
        int height = options.InputHeight ?? weights.Preprocessor?.InputHeight ?? config.DefaultInputSize;
        if (config.LayerCount > ForwardRequest.MaxLayers)
            throw new WeightsException($"the model has {config.LayerCount} blocks (at most {ForwardRequest.MaxLayers} are supported)");
        if (width < config.PatchSize || height < config.PatchSize)
        {
            throw new DinoException(
                $"input size {width}x{height} holds no patch (expected at least {config.PatchSize}x{config.PatchSize} pixels)");
        }

        if ((long)width * height > ImageHeader.MaxPixels)
            throw new DinoException($"input size {width}x{height} is too large (at most {ImageHeader.MaxPixels} pixels are supported)");
        RequirePositive("batch size", options.BatchSize);
        RequirePositive("queue limit", options.QueueLimit);
        RequirePositive("number of decode threads", options.DecodeThreads);
        Arguments.RequireDefined("EXIF orientation", options.Orientation);
        if (options.Interpolation is { } interpolation)
            Arguments.RequireDefined("interpolation", interpolation);
        if (options.MaxBatchDelay < TimeSpan.Zero || options.MaxBatchDelay > TimeSpan.FromMinutes(1))
            throw new DinoException($"the batch delay is {options.MaxBatchDelay} (expected 0 to 1 minute)");
        return (width, height);
    }

    private static void RequirePositive(string what, int? value)
    {
        if (value < 1)
            throw new DinoException($"the {what} is {value} (expected 1 or more)");
    }

    private void CheckPrepared(IReadOnlyList<RgbImage> images)
    {
        Arguments.ThrowIfAnyNull(images);
        if (images.Count == 0)
            throw new ArgumentException("At least one image is needed.", nameof(images));
        foreach (RgbImage image in images)
        {
            if ((image.Width != InputWidth || image.Height != InputHeight) && !ResizesOnDevice(image))
                throw new ArgumentException(
                    $"Expected {InputWidth}x{InputHeight} pixels, found {image.Width}x{image.Height}; call Prepare or Forward.",
                    nameof(images));
        }
    }

    /// <summary>The model at another scale of the input.</summary>
    /// <param name="Shape">The model at that scale.</param>
    /// <param name="Tables">Those of that input size.</param>
    private sealed record ScaledInput(VitShape Shape, InputTables Tables);
}
