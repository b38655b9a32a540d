using Dino.Gpu.Extensions.AI;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace Dino.Gpu.Tests.Extensions;

/// <summary>
/// The generators in collections of Microsoft.Extensions.VectorData: pictures and paths are stored and searched as
/// vectors, and a program never sees one.
/// </summary>
public sealed class VectorDataTests : IDisposable
{
    private const int Dimension = 48;

    private static readonly string[] Files = [GoldenData.Image("chelsea.png"), GoldenData.Image("rocket.jpg")];

    private readonly DinoEncoder _encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu" });

    public void Dispose() => _encoder.Dispose();

    [Fact]
    public async Task Pictures_are_stored_and_searched_as_their_embeddings()
    {
        using var generator = new DinoEmbeddingGenerator(_encoder);
        var definition = new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Id", typeof(int)),
                new VectorStoreDataProperty("Name", typeof(string)),
                new VectorStoreVectorProperty<DataContent>("Picture", Dimension) { EmbeddingGenerator = generator },
            ],
        };
        using var photos = new MemoryCollection<int, Photo>(definition, null);
        await photos.UpsertAsync(Files.Select((file, i) => new Photo { Id = i, Name = file, Picture = Content(file) }), Cancellation);
        for (int i = 0; i < Files.Length; i++)
        {
            float[] expected = await _encoder.EmbedAsync(Files[i], Cancellation);
            Assert.Equal(expected, photos.Vector(i, "Picture"));
            VectorSearchResult<Photo>[] found =
                [.. await photos.SearchAsync(Content(Files[i]), 2, null, Cancellation).ToListAsync(Cancellation)];
            Assert.Equal([i, 1 - i], found.Select(result => result.Record.Id));
            Assert.Equal(1, found[0].Score!.Value, 1e-6);
            Assert.True(found[1].Score < 0.9999);
        }
    }

    [Fact]
    public async Task Paths_are_stored_and_searched_as_the_embeddings_of_their_pictures()
    {
        using var generator = new DinoEmbeddingGenerator(_encoder, normalize: true);
        var definition = new VectorStoreCollectionDefinition
        {
            EmbeddingGenerator = generator, // of the collection, not of the property
            Properties =
            [
                new VectorStoreKeyProperty("Id", typeof(int)),
                new VectorStoreVectorProperty<string>("Path", Dimension),
            ],
        };
        using var photos = new MemoryCollection<int, PathOfPhoto>(definition, null);
        await photos.UpsertAsync(Files.Select((file, i) => new PathOfPhoto { Id = i, Path = file }), Cancellation);
        float[] vector = await _encoder.EmbedAsync(Files[1], Cancellation);
        double length = Math.Sqrt(vector.Sum(value => (double)value * value));
        Assert.All(photos.Vector(1, "Path").Zip(vector), pair => Assert.Equal(pair.Second / length, pair.First, 1e-7));
        var found = await photos.SearchAsync(Files[1], 1, null, Cancellation).FirstAsync(Cancellation);
        Assert.Equal(Files[1], found.Record.Path);

        // a broken file fails the call, and nothing is stored
        await Assert.ThrowsAsync<ImageException>(
            () => photos.UpsertAsync(new PathOfPhoto { Id = 7, Path = GoldenData.Image("missing.png") }, Cancellation));
        Assert.Null(await photos.GetAsync(7, null, Cancellation));
    }

    /// <summary>Stores look for the plain interface in the container.</summary>
    [Fact]
    public async Task A_store_finds_the_generator_of_the_container()
    {
        var services = new ServiceCollection();
        services.AddDinoGpu(options => (options.Weights, options.Device) = (CliRunner.TinyWeights, "cpu"));
        services.AddKeyedDinoGpu("other", options => (options.Weights, options.Device) = (CliRunner.TinyWeights, "cpu"));
        await using ServiceProvider provider = services.BuildServiceProvider();
        var generator = provider.GetRequiredService<IEmbeddingGenerator>();
        Assert.Same(provider.GetRequiredService<IEmbeddingGenerator<DataContent, Embedding<float>>>(), generator);
        Assert.NotSame(generator, provider.GetRequiredKeyedService<IEmbeddingGenerator>("other"));

        using var photos = new MemoryCollection<int, MarkedPhoto>(null, generator);
        await photos.UpsertAsync(new MarkedPhoto { Id = 3, Picture = Content(Files[0]) }, Cancellation);
        Assert.Equal(await _encoder.EmbedAsync(Files[0], Cancellation), photos.Vector(3, "Picture"));
        Assert.Equal(3, (await photos.SearchAsync(Content(Files[0]), 1, null, Cancellation).FirstAsync(Cancellation)).Record.Id);
        using var paths = new MemoryCollection<int, MarkedPath>(null, provider.GetRequiredService<DinoEmbeddingGenerator>().Paths);
        await paths.UpsertAsync(new MarkedPath { Id = 4, Path = Files[0] }, Cancellation);
        Assert.Equal(photos.Vector(3, "Picture"), paths.Vector(4, "Path"));
    }

    [Fact]
    public async Task A_vector_that_a_program_stored_is_searched_by_a_picture_or_a_path()
    {
        using var generator = new DinoEmbeddingGenerator(_encoder);
        using var photos = new MemoryCollection<int, StoredVector>(null, generator);
        foreach ((int i, string file) in Files.Index())
            await photos.UpsertAsync(new StoredVector { Id = i, Vector = await _encoder.EmbedAsync(file, Cancellation) }, Cancellation);
        Assert.Equal(1, (await photos.SearchAsync(Content(Files[1]), 1, null, Cancellation).FirstAsync(Cancellation)).Record.Id);
        Assert.Equal(1, (await photos.SearchAsync(Files[1], 1, null, Cancellation).FirstAsync(Cancellation)).Record.Id);
    }

    /// <summary>The abstractions ask the generator what it takes: an address is neither a picture nor a path.</summary>
    [Fact]
    public void A_property_that_no_generator_takes_is_refused_when_the_collection_is_made()
    {
        using var generator = new DinoEmbeddingGenerator(_encoder);
        var definition = new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Id", typeof(int)),
                new VectorStoreVectorProperty<Uri>("Address", Dimension) { EmbeddingGenerator = generator },
            ],
        };
        var failure = Assert.Throws<InvalidOperationException>(() => new MemoryCollection<int, AddressOfPhoto>(definition, null));
        Assert.Contains(nameof(DinoEmbeddingGenerator), failure.Message);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static DataContent Content(string path) =>
        new(File.ReadAllBytes(path), path.EndsWith("png", StringComparison.Ordinal) ? "image/png" : "image/jpeg");

    private sealed class Photo
    {
        public int Id { get; set; }

        public string Name { get; set; } = "";

        public DataContent? Picture { get; set; }
    }

    private sealed class PathOfPhoto
    {
        public int Id { get; set; }

        public string Path { get; set; } = "";
    }

    private sealed class AddressOfPhoto
    {
        public int Id { get; set; }

        public Uri? Address { get; set; }
    }

    private sealed class MarkedPhoto
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreVector(Dimension)]
        public DataContent? Picture { get; set; }
    }

    private sealed class MarkedPath
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreVector(Dimension)]
        public string Path { get; set; } = "";
    }

    private sealed class StoredVector
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreVector(Dimension)]
        public ReadOnlyMemory<float> Vector { get; set; }
    }
}
