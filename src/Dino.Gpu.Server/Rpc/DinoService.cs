using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Rpc;

/// <summary>The service of <c>dino.proto</c>. It answers what the endpoints answer.</summary>
[BindServiceMethod(typeof(CheckedMessages), nameof(CheckedMessages.Bind))]
internal sealed class DinoService(ServerModel model, BodyMemory memory, IOptions<DinoServerOptions> options) : Dino.DinoBase
{
    public override async Task<EmbedResponse> Embed(EmbedRequest request, ServerCallContext context)
    {
        if (request.Images.Count == 0)
            throw RequestFailure.Invalid("expected at least one picture, found none", "images");
        if (request.Images.Count > options.Value.MaxItems)
            throw RequestFailure.TooManyItems(options.Value.MaxItems, request.Images.Count);
        PictureModel pictures = model.Pictures;
        bool normalize = request.HasNormalize ? request.Normalize : options.Value.Normalize;
        OutputChoice output = OutputChoice.Of(Given(request.Output), normalize, pictures.Encoder);
        using BodyMemory.Lease lease = Take(request);
        PictureResult[] results = await pictures.RunAsync(
            [.. request.Images.Select(Picture)], output, normalize, lease, context.CancellationToken).ConfigureAwait(false);
        var response = new EmbedResponse { Model = options.Value.ModelId };
        response.Shape.AddRange(output.Layout.Shape);
        foreach (PictureResult result in results)
        {
            var embedding = new Embedding();
            if (result.Failure is { } failure)
                embedding.Error = new Error { Reason = failure.Reason, Message = failure.Message };
            else
                embedding.Values.AddRange(result.Values);
            response.Embeddings.Add(embedding);
        }

        return response;
    }

    public override async Task EmbedStream(
        IAsyncStreamReader<EmbedRequest> requestStream, IServerStreamWriter<EmbedResponse> responseStream, ServerCallContext context)
    {
        RpcBody? body = RpcBody.Of(context);
        await foreach (EmbedRequest request in requestStream.ReadAllAsync(context.CancellationToken).ConfigureAwait(false))
        {
            body?.Arrived();
            await responseStream.WriteAsync(
                await Embed(request, context).ConfigureAwait(false), context.CancellationToken).ConfigureAwait(false);
            body?.Answered();
        }
    }

    public override async Task<AttentionResponse> Attention(AttentionRequest request, ServerCallContext context)
    {
        PictureModel pictures = model.Pictures;
        var choice = AttentionChoice.Of(
            Given(request.Head),
            request.HasLayer ? request.Layer : null,
            Given(request.Map),
            request.HasOverlay ? request.Overlay : null,
            pictures.Encoder);
        using BodyMemory.Lease lease = Take(request);
        byte[] png = await pictures.PassAsync(
            Picture(request.Image), picture => choice.Draw(pictures.Encoder, picture), context.CancellationToken).ConfigureAwait(false);
        return new AttentionResponse { Png = UnsafeByteOperations.UnsafeWrap(png) };
    }

    public override async Task<SearchResponse> Search(SearchRequest request, ServerCallContext context)
    {
        ServerIndex index = model.RequireIndex();
        using BodyMemory.Lease lease = Take(request);
        float[] query = await VectorAsync(request.Vector, request.Image, context).ConfigureAwait(false);
        IReadOnlyList<VectorHit> hits =
            await index.SearchAsync(query, request.K == 0 ? null : request.K, context.CancellationToken).ConfigureAwait(false);
        var response = new SearchResponse();
        response.Hits.AddRange(hits.Select(hit => new Hit { Id = hit.Id, Score = hit.Score, Row = hit.Row }));
        return response;
    }

    public override async Task<ChangeResponse> Put(PutRequest request, ServerCallContext context)
    {
        ServerIndex index = model.RequireIndex();
        index.RequireWritable();
        string id = index.CheckIdToPut(request.Id);
        using BodyMemory.Lease lease = Take(request);
        await index.PutAsync(id, await VectorAsync(request.Vector, request.Image, context).ConfigureAwait(false)).ConfigureAwait(false);
        return new ChangeResponse { Count = index.Count };
    }

    public override async Task<ChangeResponse> Delete(DeleteRequest request, ServerCallContext context)
    {
        ServerIndex index = model.RequireIndex();
        await index.DeleteAsync(ServerIndex.CheckId(request.Id)).ConfigureAwait(false);
        return new ChangeResponse { Count = index.Count };
    }

    /// <summary>proto3 has no missing text, only an empty one.</summary>
    private static string? Given(string text) => text.Length == 0 ? null : text;

    private static PictureInput Picture(ByteString image) => new(null, image.Memory);

    private async Task<float[]> VectorAsync(Vector? vector, ByteString image, ServerCallContext context) => vector is not null
        ? [.. vector.Values]
        : await model.Pictures.EmbedOneAsync(Picture(image), context.CancellationToken).ConfigureAwait(false);

    private BodyMemory.Lease Take(IMessage request)
    {
        BodyMemory.Lease lease = memory.Begin();
        try
        {
            lease.Take(request.CalculateSize());
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }
}
