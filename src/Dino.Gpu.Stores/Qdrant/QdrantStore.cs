using Dino.Gpu.Data.Rows;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Qdrant.Client;
using Qdrant.Client.Grpc;

namespace Dino.Gpu.Stores.Qdrant;

/// <summary>
/// A collection of Qdrant. The key of a picture is the id of its point, and the metadata of the collection says what
/// made the vectors (Qdrant 1.16 and newer).
/// </summary>
internal sealed class QdrantStore : IVectorStore
{
    /// <summary>The fixed parts of messages.</summary>
    internal const string NotOurs = "is no collection of dino's";

    /// <inheritdoc cref="NotOurs"/>
    internal const string TooOld = "the server keeps no metadata of collections";

    private const string MetadataKey = "dino";

    /// <summary>Edges of a point in the graph: Qdrant's own default. A collection without a graph has 0.</summary>
    private const ulong GraphEdges = 16;

    /// <summary>Points of one request that lists all of them.</summary>
    private const uint PointsAtOnce = 10_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly StoreAddress _address;
    private readonly GrpcChannel _channel;
    private readonly QdrantClient _client;

    private QdrantStore(StoreAddress address, GrpcChannel channel, QdrantClient client)
    {
        _address = address;
        _channel = channel;
        _client = client;
    }

    public string Name => _address.ToString();

    public StoreContents? Contents { get; private set; }

    /// <summary>Connects, and looks whether the collection is there.</summary>
    /// <exception cref="DinoException">
    /// There is no server, it refuses, or the collection is another program's.
    /// </exception>
    public static async Task<QdrantStore> OpenAsync(StoreAddress address, CancellationToken cancellation)
    {
        string? key = address.Password ?? Environment.GetEnvironmentVariable("QDRANT_API_KEY");
        string scheme = address.Parameter("tls") == "true" ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        // A thousand long vectors are more than the 4 MiB that a channel takes unless it is told otherwise.
        var channel = GrpcChannel.ForAddress(
            new UriBuilder(scheme, address.Host, address.Port).Uri, new GrpcChannelOptions { MaxReceiveMessageSize = null });
        CallInvoker calls = string.IsNullOrEmpty(key) ? channel.CreateCallInvoker() : channel.Intercept(headers =>
        {
            headers.Add("api-key", key);
            return headers;
        });
        var store = new QdrantStore(address, channel, new QdrantClient(new QdrantGrpcClient(calls), Patience));
        try
        {
            store.Contents = await store.DescribeAsync(cancellation).ConfigureAwait(false);
            return store;
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task PrepareAsync(int dimension, Provenance? model, CancellationToken cancellation)
    {
        if (Contents is null)
        {
            var vectors = new VectorParams { Size = (ulong)dimension, Distance = Distance.Cosine };
            var metadata = new Dictionary<string, Value> { [MetadataKey] = StoreContents.Describe(model) };
            var graph = new HnswConfigDiff { M = 0 };
            try
            {
                await CallAsync(
                    () => _client.CreateCollectionAsync(
                        _address.Table, vectors, metadata, hnswConfig: graph, cancellationToken: cancellation),
                    cancellation).ConfigureAwait(false);
            }
            catch (DinoException failure) when (failure.InnerException is RpcException { StatusCode: StatusCode.AlreadyExists })
            {
                // another process was faster
            }

            try
            {
                Contents = await DescribeAsync(cancellation).ConfigureAwait(false);
            }
            catch (DinoException failure) when (failure.Message.Contains(NotOurs, StringComparison.Ordinal))
            {
                throw new DinoException($"{Name}: {TooOld}", "use Qdrant 1.16 or newer, and delete the empty collection", failure);
            }
        }

        Contents!.Require(Name, dimension, model);
    }

    public async Task<IReadOnlyDictionary<Guid, string?>> DigestsAsync(IReadOnlyList<Guid> ids, CancellationToken cancellation)
    {
        PointId[] keys = [.. ids.Distinct().Select(Key)];
        IReadOnlyList<RetrievedPoint> points = await CallAsync(
            () => _client.RetrieveAsync(_address.Table, keys, withPayload: true, withVectors: false, cancellationToken: cancellation),
            cancellation).ConfigureAwait(false);
        return points.ToDictionary(point => Guid.Parse(point.Id.Uuid), point => PictureOf(point.Payload).Sha256);
    }

    public async Task<StoreWrite> WriteAsync(IReadOnlyList<StoredVector> rows, CancellationToken cancellation)
    {
        Dictionary<Guid, StoredVector> last = [];
        foreach (StoredVector row in rows)
            last[row.Picture.Id] = row;
        IReadOnlyDictionary<Guid, string?> known = await DigestsAsync([.. last.Keys], cancellation).ConfigureAwait(false);
        bool isSameModel = Contents!.Model is not null; // else another one may have made the vector of the same file
        PointStruct[] points =
        [
            .. last.Where(row => !isSameModel || row.Value.Picture.Sha256 is not { } digest || known.GetValueOrDefault(row.Key) != digest)
                .Select(row => PointOf(row.Key, row.Value)),
        ];
        if (points.Length > 0)
        {
            await CallAsync(() => _client.UpsertAsync(_address.Table, points, wait: true, cancellationToken: cancellation), cancellation)
                .ConfigureAwait(false);
        }

        int replaced = points.Count(point => known.ContainsKey(Guid.Parse(point.Id.Uuid)));
        return new StoreWrite(points.Length - replaced, replaced);
    }

    public async Task<long> KeepOnlyAsync(IEnumerable<Guid> ids, CancellationToken cancellation)
    {
        HashSet<Guid> kept = [.. ids];
        var others = new List<Guid>();
        PointId? next = null;
        do
        {
            PointId? offset = next;
            ScrollResponse page = await CallAsync(() => _client.ScrollAsync(
                _address.Table, limit: PointsAtOnce, offset: offset, payloadSelector: false, vectorsSelector: false,
                cancellationToken: cancellation), cancellation).ConfigureAwait(false);
            IEnumerable<Guid> there = page.Result.Where(point => point.Id.HasUuid).Select(point => Guid.Parse(point.Id.Uuid));
            others.AddRange(there.Where(id => !kept.Contains(id)));
            next = page.NextPageOffset;
        }
        while (next is not null);

        foreach (Guid[] some in others.Chunk((int)PointsAtOnce))
        {
            await CallAsync(() => _client.DeleteAsync(_address.Table, some, wait: true, cancellationToken: cancellation), cancellation)
                .ConfigureAwait(false);
        }

        return others.Count;
    }

    public async Task BuildHnswAsync(CancellationToken cancellation)
    {
        if (Contents is not { IsApproximate: false } contents)
            return;
        var graph = new HnswConfigDiff { M = GraphEdges };
        await CallAsync(
            () => _client.UpdateCollectionAsync(_address.Table, hnswConfig: graph, cancellationToken: cancellation), cancellation)
            .ConfigureAwait(false);
        Contents = contents with { IsApproximate = true };
    }

    public async Task<IReadOnlyList<StoreHit>> SearchAsync(ReadOnlyMemory<float> query, int k, CancellationToken cancellation)
    {
        var how = new SearchParams { Exact = !Contents!.IsApproximate };
        IReadOnlyList<ScoredPoint> found = await CallAsync(() => _client.QueryAsync(
            _address.Table, query.ToArray(), searchParams: how, limit: (ulong)k, payloadSelector: true, vectorsSelector: true,
            cancellationToken: cancellation), cancellation).ConfigureAwait(false);
        return StoreHits.Rank(query, found.Select(point => new StoredVector(PictureOf(point.Payload), ValuesOf(point.Vectors))));
    }

    public async Task<long> CountAsync(CancellationToken cancellation) =>
        (long)await CallAsync(
            () => _client.CountAsync(_address.Table, exact: true, cancellationToken: cancellation), cancellation).ConfigureAwait(false);

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }

    private static PointId Key(Guid id) => new() { Uuid = id.ToString() };

    private static PointStruct PointOf(Guid id, StoredVector row)
    {
        StoredPicture picture = row.Picture;
        var point = new PointStruct { Id = Key(id), Vectors = row.Values.ToArray() };
        point.Payload["path"] = picture.Path;
        if (picture.Archive.Length > 0)
            point.Payload["archive"] = picture.Archive;
        if (picture.Sha256 is { } digest)
            point.Payload["sha256"] = digest;
        if (picture.Width is { } width)
            point.Payload["width"] = width;
        if (picture.Height is { } height)
            point.Payload["height"] = height;
        return point;
    }

    private static StoredPicture PictureOf(IDictionary<string, Value> payload)
    {
        return new StoredPicture(Text("path") ?? "", Text("archive") ?? "")
        {
            Sha256 = Text("sha256"),
            Width = Number("width"),
            Height = Number("height"),
        };

        string? Text(string key) =>
            payload.TryGetValue(key, out Value? value) && value.KindCase == Value.KindOneofCase.StringValue ? value.StringValue : null;
        int? Number(string key) =>
            payload.TryGetValue(key, out Value? value) && value.KindCase == Value.KindOneofCase.IntegerValue
                ? (int)value.IntegerValue
                : null;
    }

    private static float[] ValuesOf(VectorsOutput vectors) => [.. vectors.Vector.Dense.Data];

    private async Task<StoreContents?> DescribeAsync(CancellationToken cancellation)
    {
        if (!await CallAsync(() => _client.CollectionExistsAsync(_address.Table, cancellation), cancellation).ConfigureAwait(false))
            return null;
        CollectionInfo info =
            await CallAsync(() => _client.GetCollectionInfoAsync(_address.Table, cancellation), cancellation).ConfigureAwait(false);
        CollectionConfig config = info.Config;
        string? description = config.Metadata.TryGetValue(MetadataKey, out Value? text) ? text.StringValue : null;
        VectorParams? vectors = config.Params?.VectorsConfig?.Params;
        if (!StoreContents.TryRead(description, out Provenance? model) || vectors is not { Distance: Distance.Cosine })
        {
            string found = vectors is null ? "it has no plain vectors" : vectors.Distance != Distance.Cosine
                ? $"its distance is {vectors.Distance}"
                : "no metadata that says what made its vectors";
            throw new DinoException($"{Name} {NotOurs} ({found})", "name another collection");
        }

        return new StoreContents((int)vectors.Size, model, config.HnswConfig?.M > 0);
    }

    private Task CallAsync(Func<Task> call, CancellationToken cancellation) => CallAsync(
        async () =>
        {
            await call().ConfigureAwait(false);
            return true;
        },
        cancellation);

    private async Task<T> CallAsync<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.Cancelled && cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(failure.Status.Detail, failure, cancellation);
        }
        catch (RpcException failure)
        {
            throw QdrantFailure.Of(_address, failure);
        }
    }
}
