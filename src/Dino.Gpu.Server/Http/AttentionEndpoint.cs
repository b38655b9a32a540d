using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Http;

/// <summary><c>POST /attention</c>: where the class token looks, as a PNG or as values.</summary>
internal sealed class AttentionEndpoint(ServerModel model, BodyMemory memory, IOptions<DinoServerOptions> options)
{
    public async Task AnswerAsync(HttpContext context)
    {
        PictureModel pictures = model.Pictures;
        HttpRequest request = context.Request;
        bool asValues = AttentionFormat.IsValues(request);
        if (asValues)
            AttentionFormat.RefuseDrawing(request);
        var choice = AttentionChoice.Of(
            Query.Text(request, "head"),
            Query.Whole(request, "layer"),
            Query.Text(request, "map"),
            Query.Number(request, "overlay"),
            pictures.Encoder);
        pictures.RequireRoom(isQueued: false);
        using BodyMemory.Lease lease = memory.Begin();
        PictureInput input = await PictureBody.ReadOneAsync(context, options.Value, lease).ConfigureAwait(false);
        byte[] answer = await pictures.PassAsync(
            input,
            picture => asValues ? choice.Values(pictures.Encoder, picture) : choice.Draw(pictures.Encoder, picture),
            context.RequestAborted).ConfigureAwait(false);
        context.Response.ContentType = asValues ? VectorFormat.Npy : AttentionFormat.Png;
        context.Response.ContentLength = answer.Length;
        await context.Response.Body.WriteAsync(answer, context.RequestAborted).ConfigureAwait(false);
    }
}
