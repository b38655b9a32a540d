using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Qdrant.Client.Grpc;

namespace Dino.Gpu.Tests.Stores;

/// <summary>
/// Answers as much of Qdrant's gRPC as the store uses, from memory, over HTTP/2. It is no Qdrant: it shows that the
/// client asks for the right things, and what becomes of refusals.
/// </summary>
internal sealed class QdrantServer : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly string? _key;
    private readonly bool _keepsMetadata;

    private QdrantServer(string? key, bool keepsMetadata)
    {
        _key = key;
        _keepsMetadata = keepsMetadata;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
            options.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        _web = builder.Build();
        Map<CollectionExistsRequest, CollectionExistsResponse>("Collections/CollectionExists", asked =>
            new() { Result = new CollectionExists { Exists = Collections.ContainsKey(asked.CollectionName) } });
        Map<GetCollectionInfoRequest, GetCollectionInfoResponse>("Collections/Get", asked =>
            new() { Result = Collections[asked.CollectionName].Info });
        Map<CreateCollection, CollectionOperationResponse>("Collections/Create", Create);
        Map<UpdateCollection, CollectionOperationResponse>("Collections/Update", asked =>
        {
            Collections[asked.CollectionName].Info.Config.HnswConfig = asked.HnswConfig;
            return new() { Result = true };
        });
        Map<GetPoints, GetResponse>("Points/Get", asked =>
        {
            Dictionary<string, PointStruct> points = Collections[asked.CollectionName].Points;
            return new() { Result = { asked.Ids.Where(id => points.ContainsKey(id.Uuid)).Select(id => Retrieved(points[id.Uuid])) } };
        });
        Map<UpsertPoints, PointsOperationResponse>("Points/Upsert", asked =>
        {
            Upserts++;
            foreach (PointStruct point in asked.Points)
                Collections[asked.CollectionName].Points[point.Id.Uuid] = point;
            return new() { Result = new UpdateResult { Status = UpdateStatus.Completed } };
        });
        Map<DeletePoints, PointsOperationResponse>("Points/Delete", asked =>
        {
            foreach (PointId id in asked.Points.Points.Ids)
                Collections[asked.CollectionName].Points.Remove(id.Uuid);
            return new() { Result = new UpdateResult { Status = UpdateStatus.Completed } };
        });
        Map<ScrollPoints, ScrollResponse>("Points/Scroll", Scroll);
        Map<CountPoints, CountResponse>("Points/Count", asked =>
            new() { Result = new CountResult { Count = (ulong)Collections[asked.CollectionName].Points.Count } });
        Map<QueryPoints, QueryResponse>("Points/Query", Search);
    }

    /// <summary>The collections by name.</summary>
    public Dictionary<string, (CollectionInfo Info, Dictionary<string, PointStruct> Points)> Collections { get; } = [];

    /// <summary>Calls that wrote points.</summary>
    public int Upserts { get; private set; }

    /// <summary>Whether the last search was asked to be exact.</summary>
    public bool? WasExact { get; private set; }

    public string Address => $"127.0.0.1:{new Uri(_web.Urls.First()).Port}";

    /// <param name="key">The key that clients have to send; null for none.</param>
    /// <param name="keepsMetadata">False for a Qdrant before 1.16.</param>
    public static async Task<QdrantServer> StartAsync(string? key = null, bool keepsMetadata = true)
    {
        var server = new QdrantServer(key, keepsMetadata);
        await server._web.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private static RetrievedPoint Retrieved(PointStruct point)
    {
        var retrieved = new RetrievedPoint { Id = point.Id };
        retrieved.Payload.Add(point.Payload);
        return retrieved;
    }

    private static float[] Values(PointStruct point) => [.. point.Vectors.Vector.Dense.Data];

    private CollectionOperationResponse Create(CreateCollection asked)
    {
        if (Collections.ContainsKey(asked.CollectionName))
            throw new RpcException(new Status(StatusCode.AlreadyExists, "it exists"));
        var config = new CollectionConfig
        {
            Params = new CollectionParams { VectorsConfig = asked.VectorsConfig },
            HnswConfig = asked.HnswConfig,
        };
        if (_keepsMetadata)
            config.Metadata.Add(asked.Metadata);
        Collections[asked.CollectionName] = (new CollectionInfo { Config = config }, []);
        return new() { Result = true };
    }

    /// <summary>Two points a page, so that there is more than one.</summary>
    private ScrollResponse Scroll(ScrollPoints asked)
    {
        PointStruct[] all =
            [.. Collections[asked.CollectionName].Points.Values.OrderBy(point => point.Id.Uuid, StringComparer.Ordinal)
                .SkipWhile(point => asked.Offset is not null && string.CompareOrdinal(point.Id.Uuid, asked.Offset.Uuid) < 0)];
        return new()
        {
            Result = { all.Take(2).Select(Retrieved) },
            NextPageOffset = all.Length > 2 ? all[2].Id : null,
        };
    }

    private QueryResponse Search(QueryPoints asked)
    {
        WasExact = asked.Params.Exact;
        float[] query = [.. asked.Query.Nearest.Dense.Data];
        return new()
        {
            Result =
            {
                Collections[asked.CollectionName].Points.Values
                    .OrderByDescending(point => Dino.Gpu.Search.NearestNeighbors.Cosine(query, Values(point)))
                    .Take((int)asked.Limit)
                    .Select(Scored),
            },
        };

        static ScoredPoint Scored(PointStruct point)
        {
            var vector = new VectorOutput { Dense = new DenseVector { Data = { Values(point) } } };
            var scored = new ScoredPoint { Id = point.Id, Vectors = new VectorsOutput { Vector = vector } };
            scored.Payload.Add(point.Payload);
            return scored;
        }
    }

    /// <summary>One method: a message of five bytes and protobuf, there and back, and the status behind it.</summary>
    private void Map<TRequest, TResponse>(string method, Func<TRequest, TResponse> answer)
        where TRequest : IMessage<TRequest>, new()
        where TResponse : IMessage<TResponse>
    {
        _web.MapPost($"/qdrant.{method}", async (HttpContext context) =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            context.Response.ContentType = "application/grpc";
            StatusCode status = StatusCode.OK;
            string detail = "";
            byte[] response = [];
            try
            {
                if (_key is not null && context.Request.Headers["api-key"] != _key)
                    throw new RpcException(new Status(StatusCode.Unauthenticated, "must provide an API key"));
                var request = new TRequest();
                request.MergeFrom(body.ToArray().AsSpan(5));
                lock (Collections)
                    response = answer(request).ToByteArray();
            }
            catch (RpcException failure)
            {
                (status, detail) = (failure.StatusCode, failure.Status.Detail);
            }

            if (status == StatusCode.OK)
            {
                byte[] head = new byte[5];
                BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(1), response.Length);
                await context.Response.Body.WriteAsync(head);
                await context.Response.Body.WriteAsync(response);
            }
            else
            {
                await context.Response.Body.FlushAsync();
            }

            context.Response.AppendTrailer("grpc-status", ((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture));
            context.Response.AppendTrailer("grpc-message", detail);
        });
    }
}
