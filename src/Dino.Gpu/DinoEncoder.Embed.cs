using Dino.Gpu.Imaging;
using Dino.Gpu.Serving;

namespace Dino.Gpu;

/// <summary>Pictures in, embeddings out.</summary>
public sealed partial class DinoEncoder
{
    private readonly Lock _queueLock = new();
    private EmbedQueue? _queue; // for callers that do not wait on a thread; made for the first

    /// <summary>Brings pictures to the input size. A fast decoder asks it how many pixels it needs.</summary>
    internal Preprocessor Preprocessor => _preprocessor;

    /// <summary>The embedding of one image file: the class token after the final norm.</summary>
    /// <param name="path">An image file.</param>
    /// <returns>(hidden)</returns>
    /// <exception cref="ImageException">The file cannot be read or is no image.</exception>
    public float[] Embed(string path) => EmbedPrepared([PrepareForDevice(path)])[0];

    /// <summary>The embedding of one picture.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <returns>(hidden)</returns>
    public float[] Embed(RgbImage image) => EmbedPrepared([PrepareForDevice(image)])[0];

    /// <summary>The embeddings of many pictures, in their order.</summary>
    /// <param name="images">Pictures of any sizes.</param>
    /// <returns>(hidden) for each picture.</returns>
    public float[][] Embed(IReadOnlyList<RgbImage> images) => EmbedPrepared(PicturePreparation.All(images, PrepareForDevice));

    /// <summary>The embeddings of many image files, in their order.</summary>
    /// <param name="paths">Image files.</param>
    /// <returns>(hidden) for each file.</returns>
    /// <exception cref="ImageException">
    /// A file cannot be read or is no image; <see cref="DinoException.Index"/> says which.
    /// </exception>
    public float[][] Embed(IReadOnlyList<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var embeddings = new List<float[]>(paths.Count);
        foreach (string[] batch in paths.Chunk(BatchSize))
            embeddings.AddRange(EmbedPrepared(PicturePreparation.All(batch, PrepareForDevice, first: embeddings.Count)));
        return [.. embeddings];
    }

    /// <inheritdoc/>
    public ValueTask<float[]> EmbedAsync(ImageSource image, CancellationToken cancellation = default) =>
        EmbedCalls.EmbedAsync(Queue(), image, cancellation);

    /// <inheritdoc/>
    public IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        IAsyncEnumerable<ImageSource> images, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return EmbedSequence.RunAsync(Queue(), images, cancellation);
    }

    /// <inheritdoc/>
    public void WarmUp() => Embed(PicturePreparation.Gray(InputWidth, InputHeight));

    /// <summary>Reads a picture of any kind and prepares it; see <see cref="PrepareForDevice(string)"/>.</summary>
    /// <param name="source">The picture.</param>
    /// <param name="prepare">Prepares it for this device, or for all of a group.</param>
    internal RgbImage PrepareSource(ImageSource source, Func<RgbImage, RgbImage> prepare) => DinoTelemetry.Decoding(
        () => source.Prepare(file => ImageDecoding.Bounded(file, _decoder, _options.Orientation, prepare), prepare));

    /// <summary>The class tokens of prepared pictures: (images, hidden).</summary>
    internal float[] ClassTokens(IReadOnlyList<RgbImage> images) => ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data;

    private EmbedQueue Queue()
    {
        lock (_queueLock)
        {
            return _queue ??= EmbedCalls.CreateQueue(
                _options, source => PrepareSource(source, PrepareForDevice), ClassTokens, () => BatchSize, () => 1, () => BatchesInFlight);
        }
    }

    /// <summary>Ends the calls whose picture is in no batch yet, and refuses further ones.</summary>
    private void EndCalls() => Queue().Dispose();

    private float[][] EmbedPrepared(RgbImage[] images) =>
        images.Length == 0 ? [] : [.. ClassTokens(images).Chunk(Config.HiddenSize)];
}
