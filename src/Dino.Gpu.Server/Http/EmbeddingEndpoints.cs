using System.Text.Json;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Http;

/// <summary><c>POST /v1/embeddings</c> and <c>POST /embed</c>.</summary>
internal sealed class EmbeddingEndpoints(
    ServerModel model, BodyMemory memory, PictureTexts texts, IOptions<DinoServerOptions> options)
{
    /// <summary>OpenAI's shape.</summary>
    public async Task OpenAIAsync(HttpContext context)
    {
        PictureModel pictures = model.Pictures;
        if (!string.IsNullOrEmpty(context.Request.ContentType) && !context.Request.HasJsonContentType())
        {
            throw RequestFailure.UnsupportedType(
                $"expected Content-Type: application/json, found {EmbeddingsRequest.Short(context.Request.ContentType)}",
                "image files go to /embed");
        }

        pictures.RequireRoom(isQueued: true);
        using BodyMemory.Lease lease = memory.Begin();
        ReadOnlyMemory<byte> body;
        using (var limited = LimitedBody.Of(context, options.Value, lease))
            body = await limited.ReadAllAsync().ConfigureAwait(false);
        PictureInput[] inputs;
        EmbeddingsRequest request;
        using (JsonDocument document = JsonBody.Parse(body))
        {
            request = EmbeddingsRequest.Read(document.RootElement, options.Value, pictures.Encoder.Config.HiddenSize);
            inputs = await texts.ReadAsync(request.Items, lease, context.RequestAborted).ConfigureAwait(false);
        }

        bool normalize = request.Normalize ?? options.Value.Normalize;
        OutputChoice output = OutputChoice.Of(null, normalize, pictures.Encoder);
        PictureResult[] results =
            await pictures.RunAsync(inputs, output, normalize, lease, context.RequestAborted).ConfigureAwait(false);
        await VectorAnswer.WriteOpenAIAsync(
            context, results, request.IsBase64, pictures.Encoder.TokenCount, options.Value).ConfigureAwait(false);
    }

    /// <summary>Files as they are: the body is one, or a form has some.</summary>
    public async Task PlainAsync(HttpContext context)
    {
        PictureModel pictures = model.Pictures;
        var format = VectorFormat.Of(context.Request);
        bool normalize = Query.Flag(context.Request, "normalize") ?? options.Value.Normalize;
        OutputChoice output = OutputChoice.Of(Query.Text(context.Request, "output"), normalize, pictures.Encoder);
        pictures.RequireRoom(output.IsEmbedding);
        using BodyMemory.Lease lease = memory.Begin();
        IReadOnlyList<PictureInput> inputs = await PictureBody.ReadAsync(context, options.Value, lease).ConfigureAwait(false);
        PictureResult[] results =
            await pictures.RunAsync(inputs, output, normalize, lease, context.RequestAborted).ConfigureAwait(false);
        await VectorAnswer.WriteAsync(context, results, output, format, options.Value).ConfigureAwait(false);
    }
}
