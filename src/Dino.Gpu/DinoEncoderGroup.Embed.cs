using System.Runtime.CompilerServices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Serving;

namespace Dino.Gpu;

/// <summary>Pictures in, embeddings out, on several devices.</summary>
public sealed partial class DinoEncoderGroup
{
    private readonly Lock _queueLock = new();
    private EmbedQueue? _queue; // for callers that do not wait on a thread; made for the first

    /// <inheritdoc cref="DinoEncoder.Preprocessor"/>
    internal Preprocessor Preprocessor => _encoders[0].Preprocessor;

    /// <inheritdoc/>
    public float[] Embed(string path) => ClassTokens([PrepareForDevice(path)]);

    /// <inheritdoc/>
    public float[] Embed(RgbImage image) => ClassTokens([PrepareForDevice(image)]);

    /// <inheritdoc/>
    public float[][] Embed(IReadOnlyList<RgbImage> images) => EmbedAll(images, PrepareForDevice);

    /// <inheritdoc/>
    public float[][] Embed(IReadOnlyList<string> paths) => EmbedAll(paths, PrepareForDevice);

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
    public void WarmUp()
    {
        try
        {
            Parallel.ForEach(_pool.Workers, encoder => encoder.WarmUp());
        }
        catch (AggregateException failure)
        {
            PicturePreparation.ThrowFirst(failure);
        }
    }

    /// <summary>Embeds pictures in batches, on all devices at the same time.</summary>
    private float[][] EmbedAll<T>(
        IReadOnlyList<T> sources, Func<T, RgbImage> prepare, [CallerArgumentExpression(nameof(sources))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(sources, name);
        float[][] rows = new float[sources.Count][];
        int size = BatchSize;
        int hidden = Config.HiddenSize;
        try
        {
            var degree = new ParallelOptions { MaxDegreeOfParallelism = BatchesInFlight };
            Parallel.For(0, (sources.Count + size - 1) / size, degree, batch =>
            {
                int first = batch * size;
                T[] some = [.. Enumerable.Range(first, Math.Min(size, sources.Count - first)).Select(i => sources[i])];
                float[] tokens = ClassTokens(PicturePreparation.All(some, prepare, first));
                for (int i = 0; i < some.Length; i++)
                    rows[first + i] = tokens[(i * hidden)..((i + 1) * hidden)];
            });
        }
        catch (AggregateException failure)
        {
            PicturePreparation.ThrowFirst(failure);
        }

        return rows;
    }

    /// <summary>The class tokens of prepared pictures: (images, hidden).</summary>
    private float[] ClassTokens(IReadOnlyList<RgbImage> images) => ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data;

    private EmbedQueue Queue()
    {
        lock (_queueLock)
        {
            return _queue ??= EmbedCalls.CreateQueue(
                _encoders[0].Options,
                source => _encoders[0].PrepareSource(source, PrepareForDevice),
                ClassTokens,
                () => BatchSize,
                () => _pool.Workers.Count,
                () => BatchesInFlight);
        }
    }

    /// <summary>Ends the calls whose picture is in no batch yet, and refuses further ones.</summary>
    private void EndCalls() => Queue().Dispose();
}
