using Dino.Gpu.Extensions.AI;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Tests.Extensions;

/// <summary>The encoder as a generator of Microsoft.Extensions.AI.</summary>
public sealed class DinoEmbeddingGeneratorTests : IDisposable
{
    private static readonly string[] Pictures = [GoldenData.Image("chelsea.png"), GoldenData.Image("rocket.jpg")];

    private readonly DinoEncoder _encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu" });
    private readonly DinoEmbeddingGenerator _generator;

    public DinoEmbeddingGeneratorTests() => _generator = new DinoEmbeddingGenerator(_encoder, "tiny");

    public void Dispose() => _encoder.Dispose();

    [Fact]
    public async Task Pictures_and_paths_have_the_bytes_of_the_encoder()
    {
        float[][] expected = _encoder.Embed(Pictures);
        GeneratedEmbeddings<Embedding<float>> paths = await _generator.GenerateAsync(Pictures, null, Cancellation);
        GeneratedEmbeddings<Embedding<float>> bytes = await _generator.GenerateAsync(Pictures.Select(Content), null, Cancellation);
        Assert.Equal(expected, paths.Select(one => one.Vector.ToArray()));
        Assert.Equal(expected, bytes.Select(one => one.Vector.ToArray()));
        Assert.All(paths, one => Assert.Equal("tiny", one.ModelId));
        Assert.Equal(2 * _encoder.TokenCount, paths.Usage!.InputTokenCount);

        // the extensions that people use
        IEmbeddingGenerator<string, Embedding<float>> generator = _generator;
        Assert.Equal(expected[1], (await generator.GenerateVectorAsync(Pictures[1], cancellationToken: Cancellation)).ToArray());
    }

    [Fact]
    public void Metadata_names_provider_model_and_dimensions()
    {
        IEmbeddingGenerator<DataContent, Embedding<float>> generator = _generator;
        EmbeddingGeneratorMetadata metadata = generator.GetRequiredService<EmbeddingGeneratorMetadata>();
        Assert.Equal(("dino.gpu", "tiny", 48), (metadata.ProviderName, metadata.DefaultModelId, metadata.DefaultModelDimensions));
        Assert.Same(_encoder, generator.GetService<IDinoEncoder>());
        Assert.Same(_generator, generator.GetService<DinoEmbeddingGenerator>());
        Assert.Null(generator.GetService<IDinoEncoder>("key"));
    }

    [Fact]
    public async Task Normalized_vectors_have_length_one_and_the_same_direction()
    {
        using var normalizing = new DinoEmbeddingGenerator(_encoder, normalize: true);
        float[] vector = (await normalizing.GenerateAsync(Pictures, null, Cancellation))[0].Vector.ToArray();
        float[] plain = _encoder.Embed(Pictures[0]);
        double length = Math.Sqrt(plain.Sum(value => (double)value * value));
        Assert.Equal(1, vector.Sum(value => (double)value * value), 1e-6);
        Assert.All(vector.Zip(plain), pair => Assert.Equal(pair.Second / length, pair.First, 1e-7));
    }

    [Fact]
    public async Task What_cannot_be_embedded_is_refused_by_name_and_place()
    {
        var text = new DataContent("abc"u8.ToArray(), "text/plain");
        ArgumentException wrong = await Assert.ThrowsAsync<ArgumentException>(
            () => _generator.GenerateAsync([Content(Pictures[0]), text], null, Cancellation));
        Assert.Contains("found text/plain at 1", wrong.Message);
        NotSupportedException dimensions = await Assert.ThrowsAsync<NotSupportedException>(
            () => _generator.GenerateAsync(Pictures, new EmbeddingGenerationOptions { Dimensions = 3 }, Cancellation));
        Assert.Contains("expected 48, found 3", dimensions.Message);
        ImageException broken = await Assert.ThrowsAsync<ImageException>(
            () => _generator.GenerateAsync([Content(Pictures[0]), new DataContent(new byte[100], "image/png")], null, Cancellation));
        Assert.Equal((1, ImageFailureReason.NotAnImage), (broken.Index, broken.Reason));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _generator.GenerateAsync(Pictures, null, new CancellationToken(canceled: true)));
    }

    /// <summary>A picture that was deleted after the first call is answered from the cache.</summary>
    [Fact]
    public async Task It_composes_with_logging_telemetry_and_a_cache()
    {
        using var folder = new TemporaryFolder();
        string copy = folder.Path("a.png");
        File.Copy(Pictures[0], copy);
        var cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
        IEmbeddingGenerator<string, Embedding<float>> paths = _generator;
        using IEmbeddingGenerator<string, Embedding<float>> generator = paths.AsBuilder()
            .UseDistributedCache(cache)
            .UseLogging(NullLoggerFactory.Instance)
            .UseOpenTelemetry()
            .Build();
        float[] first = (await generator.GenerateAsync([copy], cancellationToken: Cancellation))[0].Vector.ToArray();
        File.Delete(copy);
        float[] second = (await generator.GenerateAsync([copy], cancellationToken: Cancellation))[0].Vector.ToArray();
        Assert.Equal(_encoder.Embed(Pictures[0]), first);
        Assert.Equal(first, second);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static DataContent Content(string path) =>
        new(File.ReadAllBytes(path), path.EndsWith("png", StringComparison.Ordinal) ? "image/png" : "image/jpeg");
}
