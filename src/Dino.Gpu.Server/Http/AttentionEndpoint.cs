using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Http;

/// <summary><c>POST /attention</c>: where the class token looks, as a PNG.</summary>
internal sealed class AttentionEndpoint(ServerModel model, BodyMemory memory, IOptions<DinoServerOptions> options)
{
    private const string All = "all";

    public async Task AnswerAsync(HttpContext context)
    {
        PictureModel pictures = model.Pictures;
        int layers = pictures.Encoder.Config.LayerCount;
        HeadChoice heads = Heads(context.Request, pictures.Encoder.Config.HeadCount);
        int layer = Query.Whole(context.Request, "layer", -layers, layers - 1) ?? -1;
        double? overlay = Query.Share(context.Request, "overlay");
        ColorMap colors = Colors(context.Request);
        using BodyMemory.Lease lease = memory.Begin();
        PictureInput input = await PictureBody.ReadOneAsync(context, options.Value, lease).ConfigureAwait(false);
        byte[] png = await pictures.PassAsync(
            input,
            picture => PngFile.Bytes(Draw(pictures.Encoder, picture, heads, layer, overlay, colors)),
            context.RequestAborted).ConfigureAwait(false);
        context.Response.ContentType = "image/png";
        context.Response.ContentLength = png.Length;
        await context.Response.Body.WriteAsync(png, context.RequestAborted).ConfigureAwait(false);
    }

    private static RgbImage Draw(IDinoEncoder encoder, RgbImage picture, HeadChoice heads, int layer, double? overlay, ColorMap colors)
    {
        AttentionMap map = heads.Rollout ? encoder.AttentionRollouts([picture])[0] : encoder.AttentionMaps([picture], layer)[0];
        int patch = encoder.Config.PatchSize;
        if (heads.All)
            return ContactSheet.Draw(picture, map, patch, colors);
        ReadOnlySpan<float> grid = heads.Rollout ? map.Head(0) : heads.Head is { } head ? map.Head(head) : map.Mean();
        RgbImage heat = AttentionPicture.HeatMap(grid, map.GridHeight, map.GridWidth, patch, colors);
        return overlay is { } alpha ? AttentionPicture.Overlay(picture, heat, alpha) : heat;
    }

    private static HeadChoice Heads(HttpRequest request, int count)
    {
        string text = Query.Text(request, "head") ?? "mean";
        return HeadChoice.Parse(text) is { } choice && !(choice.Head >= count)
            ? choice
            : throw RequestFailure.Invalid(
                $"head: expected mean, rollout, {All} or a number from 0 to {count - 1}, found {EmbeddingsRequest.Short(text)}", "head");
    }

    private static ColorMap Colors(HttpRequest request)
    {
        string name = Query.Text(request, "map") ?? ColorMap.Viridis.Name;
        return ColorMap.All.FirstOrDefault(map => map.Name == name)
            ?? throw RequestFailure.Invalid($"map: expected {string.Join(", ", ColorMap.All.Select(map => map.Name))}", "map");
    }
}
