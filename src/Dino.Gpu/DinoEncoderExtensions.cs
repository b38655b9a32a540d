using System.Runtime.CompilerServices;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Serving;

namespace Dino.Gpu;

#pragma warning disable RS0026 // these overloads differ in a parameter without a default, so none hides another

/// <summary>What every encoder can do because it can do what <see cref="IDinoEncoder"/> says.</summary>
public static class DinoEncoderExtensions
{
    /// <summary>Writes the embedding of one picture to memory of the caller.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="image">A picture of any size.</param>
    /// <param name="destination">At least (hidden).</param>
    public static void Embed(this IDinoEncoder encoder, RgbImage image, Span<float> destination) =>
        Embed(encoder, [image], destination);

    /// <summary>Writes the embeddings of many pictures to memory of the caller, one after the other.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="destination">At least (images, hidden).</param>
    /// <exception cref="ArgumentException">There is not enough room.</exception>
    public static void Embed(this IDinoEncoder encoder, IReadOnlyList<RgbImage> images, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(images);
        int hidden = encoder.Config.HiddenSize;
        if (destination.Length < (long)images.Count * hidden)
        {
            throw new ArgumentException(
                $"{images.Count} embeddings take {(long)images.Count * hidden} values, got {destination.Length}.", nameof(destination));
        }

        float[][] rows = encoder.Embed(images);
        for (int i = 0; i < rows.Length; i++)
            rows[i].CopyTo(destination[(i * hidden)..]);
    }

    /// <summary>The embedding of one picture in float16, rounded to the nearest.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="image">A picture of any size.</param>
    /// <returns>(hidden)</returns>
    public static Half[] EmbedHalf(this IDinoEncoder encoder, RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        return Array.ConvertAll(encoder.Embed(image), value => (Half)value);
    }

    /// <summary>The embeddings of a list of pictures, as <see cref="IDinoEncoder.EmbedManyAsync"/> gives them.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">Pictures of any kind; taken when their turn comes.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IEnumerable<ImageSource> images, CancellationToken cancellation = default) =>
        Many(encoder, images, image => image, cancellation);

    /// <inheritdoc cref="EmbedManyAsync(IDinoEncoder, IEnumerable{ImageSource}, CancellationToken)"/>
    /// <param name="encoder">The model.</param>
    /// <param name="paths">Image files.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IEnumerable<string> paths, CancellationToken cancellation = default) =>
        Many(encoder, paths, ImageSource.FromFile, cancellation);

    /// <inheritdoc cref="EmbedManyAsync(IDinoEncoder, IEnumerable{ImageSource}, CancellationToken)"/>
    /// <param name="encoder">The model.</param>
    /// <param name="files">The bytes of image files.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IEnumerable<ReadOnlyMemory<byte>> files, CancellationToken cancellation = default) =>
        Many(encoder, files, ImageSource.FromBytes, cancellation);

    /// <inheritdoc cref="EmbedManyAsync(IDinoEncoder, IEnumerable{ImageSource}, CancellationToken)"/>
    /// <param name="encoder">The model.</param>
    /// <param name="streams">Streams of image files; each is read when its turn comes, and not disposed.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IEnumerable<Stream> streams, CancellationToken cancellation = default) =>
        Many(encoder, streams, ImageSource.FromStream, cancellation);

    /// <inheritdoc cref="EmbedManyAsync(IDinoEncoder, IEnumerable{ImageSource}, CancellationToken)"/>
    /// <param name="encoder">The model.</param>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IEnumerable<RgbImage> images, CancellationToken cancellation = default) =>
        Many(encoder, images, ImageSource.FromImage, cancellation);

    /// <inheritdoc cref="IDinoEncoder.EmbedManyAsync"/>
    /// <param name="encoder">The model.</param>
    /// <param name="paths">Image files.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IAsyncEnumerable<string> paths, CancellationToken cancellation = default) =>
        Many(encoder, paths, ImageSource.FromFile, cancellation);

    /// <inheritdoc cref="IDinoEncoder.EmbedManyAsync"/>
    /// <param name="encoder">The model.</param>
    /// <param name="files">The bytes of image files.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IAsyncEnumerable<ReadOnlyMemory<byte>> files, CancellationToken cancellation = default) =>
        Many(encoder, files, ImageSource.FromBytes, cancellation);

    /// <inheritdoc cref="IDinoEncoder.EmbedManyAsync"/>
    /// <param name="encoder">The model.</param>
    /// <param name="streams">Streams of image files; each is read when its turn comes, and not disposed.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IAsyncEnumerable<Stream> streams, CancellationToken cancellation = default) =>
        Many(encoder, streams, ImageSource.FromStream, cancellation);

    /// <inheritdoc cref="IDinoEncoder.EmbedManyAsync"/>
    /// <param name="encoder">The model.</param>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="cancellation">Ends the sequence at once.</param>
    public static IAsyncEnumerable<EmbeddingResult> EmbedManyAsync(
        this IDinoEncoder encoder, IAsyncEnumerable<RgbImage> images, CancellationToken cancellation = default) =>
        Many(encoder, images, ImageSource.FromImage, cancellation);

    /// <summary>Runs one picture through the model.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="image">A picture of any size.</param>
    /// <param name="outputs">The outputs to return.</param>
    public static DinoOutput Forward(this IDinoEncoder encoder, RgbImage image, DinoOutputs outputs) =>
        Forward(encoder, [image], outputs);

    /// <summary>Runs pictures through the model.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">At least one picture, of any sizes.</param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="attentionLayers">
    /// Layers whose attention is returned, counted from 0; null for all. They are returned in ascending order.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public static DinoOutput Forward(
        this IDinoEncoder encoder, IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        return encoder.ForwardPrepared(PicturePreparation.All(images, encoder.PrepareForDevice), outputs, attentionLayers);
    }

    /// <summary>Embeds pictures of any sizes at several scales, as <see cref="IDinoEncoder.ForwardMultiScale"/> does.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="scales">As for <see cref="IDinoEncoder.ForwardMultiScale"/>.</param>
    /// <returns>(hidden) for each picture.</returns>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    public static float[][] EmbedMultiScale(
        this IDinoEncoder encoder, IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        RgbImage[] prepared = PicturePreparation.All(images, encoder.PrepareForDevice);
        return prepared.Length == 0
            ? []
            : [.. encoder.ForwardMultiScale(prepared, scales).ClassToken!.Data.Chunk(encoder.Config.HiddenSize)];
    }

    /// <summary>
    /// Returns the attention maps of prepared pictures: how much attention the class token pays to each patch.
    /// </summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">At least one picture, prepared as for <see cref="IDinoEncoder.ForwardPrepared"/>.</param>
    /// <param name="layer">
    /// Counted from 0, or from the end if negative: -1 is the last layer, which costs the least.
    /// </param>
    /// <returns>One map for each picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public static AttentionMap[] AttentionMaps(this IDinoEncoder encoder, IReadOnlyList<RgbImage> images, int layer = -1)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        // (1, images, heads, tokens)
        float[] rows = encoder.ForwardPrepared(images, DinoOutputs.ClassAttentions, [layer]).ClassAttentions!.Data;
        return Maps(encoder, rows, encoder.Config.HeadCount);
    }

    /// <summary>
    /// Returns the attention rollouts of prepared pictures: the share that each patch has in the final class token,
    /// when attention is followed through all layers.
    /// </summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">At least one picture, prepared as for <see cref="IDinoEncoder.ForwardPrepared"/>.</param>
    /// <returns>
    /// One map for each picture, with one head. Its values sum to 1 minus the shares of the class token and the registers.
    /// </returns>
    public static AttentionMap[] AttentionRollouts(this IDinoEncoder encoder, IReadOnlyList<RgbImage> images)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        return Maps(encoder, encoder.ForwardPrepared(images, DinoOutputs.AttentionRollout).AttentionRollout!.Data, heads: 1);
    }

    /// <summary>
    /// Returns the features of every patch of prepared pictures. Memory is taken for one layer only. For keys and
    /// values of the last layer, most of that block is skipped.
    /// </summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">At least one picture, prepared as for <see cref="IDinoEncoder.ForwardPrepared"/>.</param>
    /// <param name="feature">The features to return.</param>
    /// <param name="layer">Counted from 0, or from the end if negative: -1 is the last layer.</param>
    /// <returns>One grid for each picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public static PatchFeatures[] PatchFeatures(
        this IDinoEncoder encoder, IReadOnlyList<RgbImage> images, PatchFeature feature = PatchFeature.Tokens, int layer = -1)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        int number = OutputSelection.Number(layer, encoder.Config.LayerCount);
        DinoOutput output = encoder.ForwardLayers(
            images,
            Features.PatchFeatures.OutputOf(feature),
            new DinoLayers
            {
                IntermediateLayers = [number],
                HiddenStates = [number + 1],
                Queries = [number],
                Keys = [number],
                Values = [number],
                RotatedQueries = [number],
                RotatedKeys = [number],
            });
        return
        [
            .. Enumerable.Range(0, images.Count)
                .Select(image => Features.PatchFeatures.Of(output, feature, 0, image, encoder.GridWidth)),
        ];
    }

    /// <summary>Pools the tokens of each prepared picture into one vector.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="images">At least one picture, prepared as for <see cref="IDinoEncoder.ForwardPrepared"/>.</param>
    /// <param name="pooling">How the tokens are pooled.</param>
    /// <returns>(<see cref="Pooling.Length"/>) for each picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The model has fewer blocks than the pooling takes.</exception>
    public static float[][] Pool(this IDinoEncoder encoder, IReadOnlyList<RgbImage> images, Pooling pooling)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(pooling);
        if (pooling.LastBlocks > encoder.Config.LayerCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(pooling), pooling.LastBlocks, $"The model has {encoder.Config.LayerCount} blocks, the pooling takes more.");
        }

        DinoOutput output = encoder.ForwardLayers(images, pooling.Outputs, pooling.Layers);
        var vectors = new float[images.Count][];
        for (int image = 0; image < vectors.Length; image++)
            pooling.Apply(output, image, vectors[image] = new float[pooling.Length(encoder.Config.HiddenSize)]);
        return vectors;
    }

    /// <summary>
    /// Splits (images, heads, tokens) into one map for each image, and drops the class token and the registers.
    /// </summary>
    private static AttentionMap[] Maps(IDinoEncoder encoder, float[] rows, int heads)
    {
        int prefix = encoder.Config.PrefixTokenCount;
        int patches = encoder.TokenCount - prefix;
        var maps = new AttentionMap[rows.Length / heads / encoder.TokenCount];
        for (int image = 0; image < maps.Length; image++)
        {
            var values = new float[heads * patches];
            for (int head = 0; head < heads; head++)
                rows.AsSpan((image * heads + head) * encoder.TokenCount + prefix, patches).CopyTo(values.AsSpan(head * patches));
            maps[image] = new AttentionMap(values, heads, encoder.GridHeight, encoder.GridWidth);
        }

        return maps;
    }

    private static IAsyncEnumerable<EmbeddingResult> Many<T>(
        IDinoEncoder encoder,
        IEnumerable<T> items,
        Func<T, ImageSource> convert,
        CancellationToken cancellation,
        [CallerArgumentExpression(nameof(items))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(items, name);
        return encoder.EmbedManyAsync(EmbedSequence.Of(items, convert), cancellation);
    }

    private static IAsyncEnumerable<EmbeddingResult> Many<T>(
        IDinoEncoder encoder,
        IAsyncEnumerable<T> items,
        Func<T, ImageSource> convert,
        CancellationToken cancellation,
        [CallerArgumentExpression(nameof(items))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(items, name);
        return encoder.EmbedManyAsync(EmbedSequence.Of(items, convert), cancellation);
    }
}
