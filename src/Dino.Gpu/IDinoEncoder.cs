using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu;

/// <summary>
/// A DINO ViT that embeds pictures, on one device (<see cref="DinoEncoder"/>) or several
/// (<see cref="DinoEncoderGroup"/>). A program that takes this interface can be tested without a model.
/// <see cref="DinoEncoderExtensions"/> has the methods that follow from these. Thread-safe.
/// </summary>
public interface IDinoEncoder : IDisposable, IAsyncDisposable
{
    /// <summary>The model's sizes.</summary>
    VitConfig Config { get; }

    /// <inheritdoc cref="VitWeights.Notes"/>
    IReadOnlyList<string> Notes { get; }

    /// <summary>The devices, in the order in which they were named.</summary>
    IReadOnlyList<DeviceInfo> Devices { get; }

    /// <summary>Input width in pixels.</summary>
    int InputWidth { get; }

    /// <summary>Input height in pixels.</summary>
    int InputHeight { get; }

    /// <summary>Tokens of one picture: the class token, the registers, then one token for each patch.</summary>
    int TokenCount { get; }

    /// <summary>Columns of the patch grid.</summary>
    int GridWidth { get; }

    /// <summary>Rows of the patch grid.</summary>
    int GridHeight { get; }

    /// <summary>The most images in one forward pass.</summary>
    int BatchSize { get; }

    /// <summary>The most batches under way at the same time.</summary>
    int BatchesInFlight { get; }

    /// <summary>
    /// How a picture becomes the input: <c>hf</c>, <c>dino</c>, or <c>hf</c> and in what the checkpoint's
    /// <c>preprocessor_config.json</c> differs from the published model's, such as <c>hf, bicubic</c>.
    /// </summary>
    string Preprocessing { get; }

    /// <summary>Decodes a file and resizes it to the model's input size.</summary>
    /// <param name="path">An image file.</param>
    /// <returns>InputWidth x InputHeight pixels, for <see cref="ForwardPrepared"/>.</returns>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    RgbImage Prepare(string path);

    /// <summary>Decodes an image file that is already in memory and resizes it to the model's input size.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <exception cref="ImageException">The bytes are not an image.</exception>
    RgbImage Prepare(ReadOnlyMemory<byte> file);

    /// <summary>Resizes a picture to the model's input size.</summary>
    /// <param name="image">A picture of any size.</param>
    RgbImage Prepare(RgbImage image);

    /// <summary>Decodes a file, and resizes it only if the device does not.</summary>
    /// <param name="path">An image file.</param>
    /// <returns>A picture for <see cref="ForwardPrepared"/> of this encoder.</returns>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    RgbImage PrepareForDevice(string path);

    /// <summary>Resizes a picture only if the device does not.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <returns>A picture for <see cref="ForwardPrepared"/> of this encoder.</returns>
    RgbImage PrepareForDevice(RgbImage image);

    /// <summary>Runs prepared pictures through the model.</summary>
    /// <param name="images">
    /// At least one picture, as <see cref="Prepare(string)"/> or <see cref="PrepareForDevice(string)"/> return them.
    /// </param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="attentionLayers">Layers whose attention is returned, counted from 0; null for all.</param>
    /// <exception cref="DeviceException">The device failed, or has no room for even one picture.</exception>
    DinoOutput ForwardPrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null);

    /// <summary>Does the same as <see cref="ForwardPrepared"/>, with a choice of layers for every output.</summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="layers">The layers to return them of.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer or output.</exception>
    DinoOutput ForwardLayers(IReadOnlyList<RgbImage> images, DinoOutputs outputs, DinoLayers layers);

    /// <summary>Embeds each picture at several scales, as the original does with <c>--multiscale</c>.</summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="scales">Factors of the input's sides; null for those of the original.</param>
    /// <returns>Only <see cref="DinoOutput.ClassToken"/>: (images, hidden).</returns>
    DinoOutput ForwardMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null);

    /// <summary>Checks scales for <see cref="ForwardMultiScale"/> before there are pictures.</summary>
    /// <param name="scales">As for <see cref="ForwardMultiScale"/>.</param>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    void CheckScales(IReadOnlyList<double>? scales = null);

    /// <summary>The embedding of one image file: the class token after the final norm.</summary>
    /// <param name="path">An image file.</param>
    /// <returns>(hidden)</returns>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    float[] Embed(string path);

    /// <summary>The embedding of one picture.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <returns>(hidden)</returns>
    float[] Embed(RgbImage image);

    /// <summary>The embeddings of many pictures, in their order.</summary>
    /// <param name="images">Pictures of any sizes.</param>
    /// <returns>(hidden) for each picture.</returns>
    float[][] Embed(IReadOnlyList<RgbImage> images);

    /// <summary>The embeddings of many image files, in their order.</summary>
    /// <param name="paths">Image files.</param>
    /// <returns>(hidden) for each file.</returns>
    /// <exception cref="ImageException">
    /// A file cannot be read or is no image; <see cref="DinoException.Index"/> says which.
    /// </exception>
    float[][] Embed(IReadOnlyList<string> paths);

    /// <summary>
    /// The embedding of one picture, together with those of other callers: whatever waits when the device is free
    /// becomes its next batch. No thread is held while it waits. The bytes are those of
    /// <see cref="Embed(string)"/>, whatever else is in the batch.
    /// </summary>
    /// <param name="image">
    /// A path, the bytes of a file, a stream of such bytes, or pixels; each converts to <see cref="ImageSource"/>.
    /// </param>
    /// <param name="cancellation">Ends the call at once, even if the batch is in the model already.</param>
    /// <returns>(hidden)</returns>
    /// <exception cref="ImageException">The picture cannot be read or is no image.</exception>
    /// <exception cref="DeviceException">The device failed.</exception>
    /// <exception cref="DinoBusyException">
    /// As many pictures wait as <see cref="DinoOptions.QueueLimit"/> allows.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed before the picture was in a batch.</exception>
    ValueTask<float[]> EmbedAsync(ImageSource image, CancellationToken cancellation = default);

    /// <summary>
    /// The embeddings of a sequence of pictures, in their order. Pictures are decoded while others are in the model;
    /// only as many are taken from the sequence as the next batches need. They share batches with those of
    /// <see cref="EmbedAsync"/>.
    /// </summary>
    /// <param name="images">Pictures of any kind.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    /// <returns>
    /// One result for each picture: its embedding, or the <see cref="ImageException"/> that says why there is none.
    /// </returns>
    /// <exception cref="DeviceException">The device failed; <see cref="DinoException.Index"/> says where.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed.</exception>
    IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(IAsyncEnumerable<ImageSource> images, CancellationToken cancellation = default);

    /// <summary>
    /// Runs one gray picture through every device, so that the first real one does not wait until kernels are compiled
    /// and memory is there.
    /// </summary>
    /// <exception cref="DeviceException">A device failed.</exception>
    void WarmUp();
}
