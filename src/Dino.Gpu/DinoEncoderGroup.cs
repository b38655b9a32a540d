using System.Runtime.ExceptionServices;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Serving;

namespace Dino.Gpu;

/// <summary>
/// One model on several devices, such as <c>cuda:all</c>. Each call runs on a free device. The group owns its encoders
/// until it is disposed. It is thread-safe: <see cref="BatchesInFlight"/> calls run at the same time, and further calls
/// wait.
/// </summary>
/// <remarks>
/// <para>
/// Devices of one kind give the same numbers. Devices of different kinds differ within float32 rounding, and any of
/// them may compute a batch.
/// </para>
/// <para>
/// A call whose device fails is repeated on the others, since nothing of it has been returned yet. If one of them
/// succeeds, the devices that failed get no more calls, and <see cref="DinoOptions.Warning"/> receives one line for
/// each. If none does, the call fails with the last failure, and every device stays. A device that has no room for a
/// call is not one that failed.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// using var group = DinoEncoderGroup.Load("synthetic", new DinoOptions { Device = "cuda:0,cuda:1" });
/// Parallel.ForEach(batches, batch => Use(group.ForwardPrepared(batch, DinoOutputs.ClassToken)));
/// </code>
/// </example>
public sealed partial class DinoEncoderGroup : IDinoEncoder
{
    private readonly DinoEncoder[] _encoders;
    private readonly WorkerPool<DinoEncoder> _pool;
    private int _disposed;

    /// <summary>Takes ownership of the encoders. They must hold the same model at the same input size.</summary>
    internal DinoEncoderGroup(IReadOnlyList<DinoEncoder> encoders)
    {
        _encoders = [.. encoders];
        _pool = new WorkerPool<DinoEncoder>(_encoders, encoder => encoder.BatchesInFlight);
    }

    /// <summary>
    /// The devices, in the order in which they were named. One that failed and gets no more calls is no longer among
    /// them.
    /// </summary>
    public IReadOnlyList<DeviceInfo> Devices => [.. _pool.Workers.Select(encoder => encoder.Device)];

    /// <summary>The model's sizes.</summary>
    public VitConfig Config => _encoders[0].Config;

    /// <summary>Input width in pixels.</summary>
    public int InputWidth => _encoders[0].InputWidth;

    /// <summary>Input height in pixels.</summary>
    public int InputHeight => _encoders[0].InputHeight;

    /// <inheritdoc/>
    public int TokenCount => _encoders[0].TokenCount;

    /// <summary>Columns of the patch grid.</summary>
    public int GridWidth => _encoders[0].GridWidth;

    /// <summary>Rows of the patch grid.</summary>
    public int GridHeight => _encoders[0].GridHeight;

    /// <inheritdoc cref="VitWeights.Notes"/>
    public IReadOnlyList<string> Notes => _encoders[0].Notes;

    /// <inheritdoc cref="DinoEncoder.Preprocessing"/>
    public string Preprocessing => _encoders[0].Preprocessing;

    /// <inheritdoc cref="DinoEncoder.Pictures"/>
    internal PreprocessorConfig? Pictures => _encoders[0].Pictures;

    /// <summary>The most images that every device takes in one pass.</summary>
    public int BatchSize => _pool.Workers.Min(encoder => encoder.BatchSize);

    /// <summary>
    /// The most batches under way at the same time, on all devices together. If as many threads call the group, no
    /// device waits for pictures.
    /// </summary>
    public int BatchesInFlight => _pool.Workers.Sum(encoder => encoder.BatchesInFlight);

    /// <summary>Reads a checkpoint once and loads it onto every device of <see cref="DinoOptions.Device"/>.</summary>
    /// <param name="weights">As for <see cref="DinoEncoder.Load"/>.</param>
    /// <param name="options">Devices, input size and so on; null for the defaults, which choose one device.</param>
    /// <param name="progress">Told about every tensor, and when the devices are opened.</param>
    /// <param name="cancellation">Stops it between two tensors, and before the devices are opened.</param>
    /// <exception cref="DinoException">The checkpoint or one of the devices cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static DinoEncoderGroup Load(
        string weights,
        DinoOptions? options = null,
        IProgress<DinoLoadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        // A wrong device list fails before the checkpoint is read.
        IReadOnlyList<string> devices = DeviceList.Expand((options ?? new DinoOptions()).Device);
        var watch = new LoadWatch(progress, cancellation);
        VitWeights model = WeightSource.Resolve(weights).Load(CheckpointOptions.Of(options), watch);
        watch.OpensDevice();
        return Create(model, options, devices);
    }

    /// <summary>
    /// Loads a checkpoint onto every device without holding the calling thread, as
    /// <see cref="DinoEncoder.LoadAsync"/> does.
    /// </summary>
    /// <param name="weights">As for <see cref="DinoEncoder.Load"/>.</param>
    /// <param name="options">Devices, input size and so on; null for the defaults, which choose one device.</param>
    /// <param name="progress">Told about every tensor, and when the devices are opened.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="DinoException">The checkpoint or one of the devices cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Task<DinoEncoderGroup> LoadAsync(
        string weights,
        DinoOptions? options = null,
        IProgress<DinoLoadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return EmbedCalls.LoadAsync(() => Load(weights, options, progress, cancellation), cancellation);
    }

    /// <summary>
    /// Copies weights that are already in memory to every device of <see cref="DinoOptions.Device"/>.
    /// </summary>
    /// <param name="weights">The model.</param>
    /// <param name="options">Devices, input size and so on; null for the defaults, which choose one device.</param>
    /// <exception cref="WeightsException">As <see cref="DinoEncoder.Create(VitWeights, DinoOptions?)"/>.</exception>
    /// <exception cref="DinoException">One of the devices cannot be used, or the input size does not fit.</exception>
    public static DinoEncoderGroup Create(VitWeights weights, DinoOptions? options = null) =>
        Create(weights, options, DeviceList.Expand((options ?? new DinoOptions()).Device));

    /// <summary>Decodes a file and resizes it to the model's input size, on the calling thread.</summary>
    /// <param name="path">An image file.</param>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    public RgbImage Prepare(string path) => _encoders[0].Prepare(path);

    /// <summary>
    /// Decodes an image file that is already in memory and resizes it to the model's input size, on the calling thread.
    /// </summary>
    /// <param name="file">The bytes of the file.</param>
    /// <exception cref="ImageException">The bytes are not an image.</exception>
    public RgbImage Prepare(ReadOnlyMemory<byte> file) => _encoders[0].Prepare(file);

    /// <summary>Resizes a picture to the model's input size, on the calling thread.</summary>
    /// <param name="image">A picture of any size.</param>
    public RgbImage Prepare(RgbImage image) => _encoders[0].Prepare(image);

    /// <summary>
    /// Does the same as <see cref="DinoEncoder.PrepareForDevice(string)"/>. The result suits every device of the group.
    /// </summary>
    /// <param name="path">An image file.</param>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    public RgbImage PrepareForDevice(string path) => _encoders[0].Decode(path, PrepareForDevice);

    /// <summary>
    /// Does the same as <see cref="DinoEncoder.PrepareForDevice(RgbImage)"/>. The result suits every device of the
    /// group.
    /// </summary>
    /// <param name="image">A picture of any size.</param>
    public RgbImage PrepareForDevice(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return _encoders.All(encoder => encoder.ResizesOnDevice(image)) ? image : Prepare(image);
    }

    /// <summary>Runs <see cref="DinoEncoder.ForwardPrepared"/> on the next free device, or waits for one.</summary>
    /// <param name="images">
    /// At least one picture, as <see cref="Prepare(string)"/> or <see cref="PrepareForDevice(string)"/> return them.
    /// </param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="attentionLayers">Layers whose attention is returned, counted from 0; null for all.</param>
    /// <exception cref="DinoException">The device failed. The message names it.</exception>
    public DinoOutput ForwardPrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) =>
        ForwardLayers(images, outputs, new DinoLayers { Attentions = attentionLayers });

    /// <summary>Runs <see cref="DinoEncoder.ForwardLayers"/> on the next free device, or waits for one.</summary>
    /// <param name="images">
    /// At least one picture, as <see cref="Prepare(string)"/> or <see cref="PrepareForDevice(string)"/> return them.
    /// </param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="layers">The layers to return them of.</param>
    /// <exception cref="DinoException">The device failed. The message names it.</exception>
    public DinoOutput ForwardLayers(IReadOnlyList<RgbImage> images, DinoOutputs outputs, DinoLayers layers) =>
        OnFreeDevice(encoder => encoder.ForwardLayers(images, outputs, layers));

    /// <summary>Runs <see cref="DinoEncoder.ForwardMultiScale"/> on the next free device, or waits for one.</summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="scales">Factors of the input's sides; null for those of the original.</param>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or the device failed. The message names the device.
    /// </exception>
    public DinoOutput ForwardMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null) =>
        OnFreeDevice(encoder => encoder.ForwardMultiScale(images, scales));

    /// <summary>
    /// Checks scales for <see cref="ForwardMultiScale"/>, as <see cref="DinoEncoder.CheckScales"/> does.
    /// </summary>
    /// <param name="scales">Factors of the input's sides; null for those of the original.</param>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    public void CheckScales(IReadOnlyList<double>? scales = null) => _encoders[0].CheckScales(scales);

    /// <summary>
    /// Waits for the passes under way, then frees every device. Calls of <see cref="EmbedAsync"/> whose picture is in
    /// no batch yet end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        EndCalls();
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _pool.Close();
        if (DisposeAll(_encoders) is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Does the same as <see cref="Dispose"/>, without holding the calling thread.</summary>
    public ValueTask DisposeAsync()
    {
        EndCalls();
        return EmbedCalls.DisposeAsync(Dispose);
    }

    /// <summary>Runs a call on a free device, and on the others where that one fails.</summary>
    private DinoOutput OnFreeDevice(Func<DinoEncoder, DinoOutput> pass)
    {
        var failed = new List<DinoEncoder>();
        var failures = new List<DeviceException>();
        while (_pool.Take(failed) is { } encoder)
        {
            DinoOutput? output = null;
            try
            {
                output = pass(encoder);
            }
            catch (DeviceException failure) when (failure is not DeviceMemoryException)
            {
                failed.Add(encoder);
                failures.Add((DeviceException)Named(encoder, failure));
            }
            catch (Exception failure) when (failure is not (ArgumentException or ObjectDisposedException))
            {
                ExceptionDispatchInfo.Throw(Named(encoder, failure));
            }
            finally
            {
                _pool.Return(encoder);
            }

            if (output is null)
                continue;
            // Only now are they to blame: a call that no device can do is no reason to leave any of them out.
            for (int i = 0; i < failed.Count; i++)
            {
                if (_pool.LeaveOut(failed[i]))
                    failed[i].Options.Warning?.Invoke($"{failures[i].Message}; continuing without it");
            }

            return output;
        }

        throw failures[^1];
    }

    /// <summary>A failure that names its device; with several of them, that is half of the answer.</summary>
    private Exception Named(DinoEncoder encoder, Exception failure)
    {
        if (_encoders.Length == 1 || failure.Message.StartsWith(encoder.Device.Id, StringComparison.Ordinal))
            return failure;
        string message = $"{encoder.Device.Id} ({encoder.Device.Name}): {failure.Message.ReplaceLineEndings(" ")}";
        return (failure as DeviceException)?.WithMessage(message)
            ?? new DeviceException(message, (failure as DinoException)?.Hint, failure);
    }

    /// <summary>Frees every device, whatever becomes of the others.</summary>
    /// <returns>The first failure; null where there was none.</returns>
    private static Exception? DisposeAll(IEnumerable<DinoEncoder> encoders)
    {
        Exception? first = null;
        foreach (DinoEncoder encoder in encoders)
        {
            try
            {
                encoder.Dispose();
            }
            catch (Exception failure)
            {
                first ??= failure;
            }
        }

        return first;
    }

    private static DinoEncoderGroup Create(VitWeights weights, DinoOptions? options, IReadOnlyList<string> devices)
    {
        options ??= new DinoOptions();
        var encoders = new List<DinoEncoder>();
        DeviceException? refusal = null;
        try
        {
            foreach (string device in devices)
            {
                try
                {
                    encoders.Add(DinoEncoder.Create(weights, options with { Device = device }));
                }
                catch (DeviceException failure) when (failure.IsRefusal && DeviceList.IsByAll(options.Device, device))
                {
                    refusal ??= failure;
                    options.Warning?.Invoke($"{failure.Message}; continuing without it");
                }
            }

            if (encoders.Count == 0)
                ExceptionDispatchInfo.Throw(refusal!);
            return new DinoEncoderGroup(encoders);
        }
        catch
        {
            _ = DisposeAll(encoders); // the failure that led here is the one to tell
            throw;
        }
    }
}
