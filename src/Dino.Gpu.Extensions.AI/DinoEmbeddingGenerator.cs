using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Microsoft.Extensions.AI;

namespace Dino.Gpu.Extensions.AI;

#pragma warning disable RS0026 // the two overloads implement two interfaces, and differ in their first parameter

/// <summary>
/// DINO's embeddings as Microsoft.Extensions.AI asks for them: of a picture's bytes (<see cref="DataContent"/>), or of a
/// picture's path (<see cref="string"/>). Each embedding is the class token after the final norm: (hidden) values, with
/// the bytes of <see cref="IDinoEncoder.Embed(string)"/> unless they are normalized. Calls share batches with all other
/// calls of the same encoder. Thread-safe. Disposing it does not dispose the encoder.
/// </summary>
public sealed class DinoEmbeddingGenerator
    : IEmbeddingGenerator<DataContent, Embedding<float>>, IEmbeddingGenerator<string, Embedding<float>>
{
    /// <summary>The provider's name in <see cref="EmbeddingGeneratorMetadata"/> and in traces.</summary>
    public const string ProviderName = "dino.gpu";

    private const string Image = "image";

    private readonly IDinoEncoder _encoder;
    private readonly EmbeddingGeneratorMetadata _metadata;
    private readonly bool _normalize;

    /// <param name="encoder">The model, which stays the caller's.</param>
    /// <param name="modelId">The model's name in metadata and results, such as <c>facebook/dino-vits16</c>.</param>
    /// <param name="normalize">Whether embeddings are divided by their length, as stores for inner products expect.</param>
    public DinoEmbeddingGenerator(IDinoEncoder encoder, string? modelId = null, bool normalize = false)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        _encoder = encoder;
        _normalize = normalize;
        _metadata = new EmbeddingGeneratorMetadata(ProviderName, null, modelId, encoder.Config.HiddenSize);
        Pictures = new Only<DataContent>(this);
        Paths = new Only<string>(this);
    }

    /// <summary>
    /// This generator as one of pictures only, for stores of Microsoft.Extensions.VectorData: they take one that has both
    /// for a generator of strings.
    /// </summary>
    public IEmbeddingGenerator<DataContent, Embedding<float>> Pictures { get; }

    /// <summary>This generator as one of paths only.</summary>
    public IEmbeddingGenerator<string, Embedding<float>> Paths { get; }

    /// <summary>Embeds pictures.</summary>
    /// <param name="values">The bytes of image files, of any format that the encoder's decoder reads.</param>
    /// <param name="options">
    /// <see cref="EmbeddingGenerationOptions.Dimensions"/> must be the model's, if given; nothing else is read.
    /// </param>
    /// <param name="cancellationToken">Ends the call at once.</param>
    /// <returns>One embedding for each picture, in their order.</returns>
    /// <exception cref="ArgumentException">A value is no image by its media type.</exception>
    /// <exception cref="NotSupportedException">Other dimensions than the model's are asked for.</exception>
    /// <exception cref="ImageException">
    /// A picture cannot be read; <see cref="DinoException.Index"/> says which.
    /// </exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<DataContent> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        return GenerateAsync(values.Select(Source), options, cancellationToken);
    }

    /// <summary>Embeds image files.</summary>
    /// <param name="values">Paths of image files.</param>
    /// <param name="options">As for pictures in memory.</param>
    /// <param name="cancellationToken">Ends the call at once.</param>
    /// <returns>One embedding for each file, in their order.</returns>
    /// <exception cref="NotSupportedException">Other dimensions than the model's are asked for.</exception>
    /// <exception cref="ImageException">A file cannot be read; <see cref="DinoException.Index"/> says which.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        return GenerateAsync(values.Select(ImageSource.FromFile), options, cancellationToken);
    }

    /// <summary>The metadata, the encoder or this generator, by its type.</summary>
    /// <param name="serviceType">The type.</param>
    /// <param name="serviceKey">Null; there is nothing under a key.</param>
    /// <returns>Null if there is no such service.</returns>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_encoder) ? _encoder
            : null;
    }

    /// <summary>Does nothing: the encoder is its owner's to dispose.</summary>
    public void Dispose()
    {
    }

    private static ImageSource Source(DataContent content, int index)
    {
        if (content is null || !content.HasTopLevelMediaType(Image))
        {
            throw new ArgumentException(
                $"expected pictures (media type {Image}/*), found {content?.MediaType ?? "null"} at {index}", nameof(content));
        }

        return ImageSource.FromBytes(content.Data);
    }

    private async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<ImageSource> images, EmbeddingGenerationOptions? options, CancellationToken cancellation)
    {
        int hidden = _encoder.Config.HiddenSize;
        if (options?.Dimensions is { } dimensions && dimensions != hidden)
            throw new NotSupportedException($"this model's embeddings have {hidden} dimensions (expected {hidden}, found {dimensions})");
        var embeddings = new GeneratedEmbeddings<Embedding<float>>();
        await foreach (EmbeddingResult result in _encoder.EmbedManyAsync(images, cancellation).ConfigureAwait(false))
        {
            if (!result.IsSuccess)
                throw result.Error;
            if (_normalize)
                UnitVector.Scale(result.Embedding);
            embeddings.Add(new Embedding<float>(result.Embedding)
            {
                ModelId = _metadata.DefaultModelId,
                CreatedAt = DateTimeOffset.UtcNow,
            });
        }

        long tokens = (long)embeddings.Count * _encoder.TokenCount;
        embeddings.Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens };
        return embeddings;
    }

    /// <summary>Disposing it disposes the whole generator, which does nothing.</summary>
    private sealed class Only<TInput>(IEmbeddingGenerator<TInput, Embedding<float>> whole)
        : DelegatingEmbeddingGenerator<TInput, Embedding<float>>(whole);
}
