using Dino.Gpu.Stores;
using Dino.Gpu.Stores.Qdrant;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using Qdrant.Client.Grpc;

namespace Dino.Gpu.Tests.Stores;

/// <summary>
/// <c>dino index --to qdrant://...</c> against a server that speaks Qdrant's protocol: <see cref="QdrantServer"/>.
/// </summary>
public sealed class QdrantStoreTests : IDisposable
{
    private static readonly string[] Model = ["--weights", CliRunner.TinyWeights, "--device", "cpu"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_collection_is_brought_up_to_date_and_searched()
    {
        await using QdrantServer server = await QdrantServer.StartAsync();
        string to = $"qdrant://{server.Address}/photos", file = _folder.Path("photos.npz");
        foreach (int i in Enumerable.Range(0, 6))
            _folder.Write($"in/{i}.bmp", KilledRunTests.Bitmap(i));
        string[] index = ["index", _folder.Path("in"), "--to", to, .. Model];
        Assert.Contains("6 added, 0 replaced, 0 unchanged", (await SuccessAsync(index)).Error);
        Assert.Contains("0 added, 0 replaced, 6 unchanged", (await SuccessAsync(index)).Error);
        Assert.Equal(1, server.Upserts);
        VectorParams made = server.Collections["photos"].Info.Config.Params.VectorsConfig.Params;
        Assert.Equal((48ul, Distance.Cosine), (made.Size, made.Distance));

        string[] query = [_folder.Path("in", "2.bmp"), "-k", "3", .. Model];
        await SuccessAsync(["index", _folder.Path("in"), "-o", file, .. Model]);
        string expected = (await SuccessAsync(["search", file, .. query])).Output;
        Assert.Equal(expected, (await SuccessAsync(["search", to, .. query])).Output);
        Assert.True(server.WasExact);

        _folder.Write("in/1.bmp", KilledRunTests.Bitmap(100));
        File.Delete(_folder.Path("in", "3.bmp"));
        Assert.Contains("0 added, 1 replaced, 4 unchanged, 1 deleted", (await SuccessAsync([.. index, "--prune", "--hnsw"])).Error);
        Assert.Equal(5, server.Collections["photos"].Points.Count);
        Assert.All(server.Collections["photos"].Points, point => Assert.Equal(64, point.Value.Payload["sha256"].StringValue.Length));
        Assert.Contains("HNSW", (await SuccessAsync(["search", to, .. query])).Error);
        Assert.False(server.WasExact);
        Assert.Contains(
            StoreContents.MadeDifferently, (await CliRunner.RunAsync([.. index, "--output", "mean"])).FatalLine());
    }

    [Fact]
    public async Task A_server_that_refuses_is_said_in_one_line()
    {
        string image = GoldenData.Image("gray.png");
        await using QdrantServer locked = await QdrantServer.StartAsync(key: "hidden");
        await using QdrantServer old = await QdrantServer.StartAsync(keepsMetadata: false);
        await SuccessAsync(["index", image, "--to", $"qdrant://:hidden@{locked.Address}/photos", .. Model]);
        CliResult refused = await CliRunner.RunAsync(["index", image, "--to", $"qdrant://:hid@{locked.Address}/photos", .. Model]);
        Assert.Contains(QdrantFailure.Refused, refused.FatalLine());
        Assert.DoesNotContain("hid", refused.Error);
        CliResult index = await CliRunner.RunAsync(["index", image, "--to", $"qdrant://{old.Address}/photos", .. Model]);
        Assert.Contains(QdrantStore.TooOld, index.FatalLine());
        Assert.Contains(
            QdrantStore.NotOurs, (await CliRunner.RunAsync(["search", $"qdrant://{old.Address}/photos", image, .. Model])).FatalLine());
        string gone = old.Address;
        await old.DisposeAsync();
        Assert.Contains(
            QdrantFailure.NoServer, (await CliRunner.RunAsync(["index", image, "--to", $"qdrant://{gone}/photos", .. Model])).FatalLine());
    }

    /// <summary>As many long vectors as are more than a channel takes by itself (4 MiB).</summary>
    [Fact]
    public async Task A_search_returns_a_thousand_long_vectors()
    {
        await using QdrantServer server = await QdrantServer.StartAsync();
        await using IVectorStore store = await VectorStores.OpenAsync(StoreAddress.Parse($"qdrant://{server.Address}/long"));
        await store.PrepareAsync(1024, null);
        float[] values = new float[1024];
        values[3] = 1;
        StoredVector[] rows = [.. Enumerable.Range(0, 1100).Select(i => new StoredVector(new StoredPicture($"{i}.jpg"), values))];
        Assert.Equal(new StoreWrite(1100, 0), await store.WriteAsync(rows));
        Assert.Equal(1100, (await store.SearchAsync(values, 1100)).Count);
    }

    /// <summary>The same file with another vector, where nothing says that one model made both.</summary>
    [Fact]
    public async Task A_vector_that_was_made_again_replaces_the_one_that_is_there()
    {
        await using QdrantServer server = await QdrantServer.StartAsync();
        await using IVectorStore store = await VectorStores.OpenAsync(StoreAddress.Parse($"qdrant://{server.Address}/again"));
        await store.PrepareAsync(2, null);
        var picture = new StoredPicture("a.jpg") { Sha256 = "1" };
        Assert.Equal(new StoreWrite(1, 0), await store.WriteAsync([new StoredVector(picture, new float[] { 1, 0 })]));
        Assert.Equal(new StoreWrite(0, 1), await store.WriteAsync([new StoredVector(picture, new float[] { 0, 1 })]));
        Assert.Equal(1, Assert.Single(await store.SearchAsync(new float[] { 0, 1 }, 5)).Score);
    }

    [Fact]
    public async Task A_cancellation_is_no_failure_of_the_server()
    {
        await using QdrantServer server = await QdrantServer.StartAsync();
        await using IVectorStore store = await VectorStores.OpenAsync(StoreAddress.Parse($"qdrant://{server.Address}/canceled"));
        await store.PrepareAsync(2, null);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.CountAsync(new CancellationToken(canceled: true)));
    }

    private static async Task<CliResult> SuccessAsync(string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }
}
