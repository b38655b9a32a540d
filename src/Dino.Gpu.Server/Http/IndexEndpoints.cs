using System.Text.Json;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Http;

/// <summary><c>POST /v1/search</c>, and <c>PUT</c>, <c>DELETE</c> and <c>GET /v1/index/{id}</c>.</summary>
internal sealed class IndexEndpoints(
    ServerModel model, BodyMemory memory, PictureTexts texts, IOptions<DinoServerOptions> options)
{
    /// <summary>Where the ids are, in the path.</summary>
    public const string Ids = "/v1/index/";

    /// <summary>Where is searched.</summary>
    public const string Search = "/v1/search";

    private readonly IndexedPictures? _pictures = options.Value.Pictures is { } folder ? new IndexedPictures(folder) : null;

    /// <summary>The nearest vectors of a picture, or of a vector.</summary>
    public async Task SearchAsync(HttpContext context)
    {
        ServerIndex index = model.RequireIndex();
        using BodyMemory.Lease lease = memory.Begin();
        (float[] query, int? inBody) = await VectorAsync(context, lease).ConfigureAwait(false);
        int? k = inBody ?? Query.Whole(context.Request, "k");
        IReadOnlyList<VectorHit> hits = await index.SearchAsync(query, k, context.RequestAborted).ConfigureAwait(false);
        string urls = Root(context.Request) + Ids;
        using var answer = new JsonAnswer(context);
        Utf8JsonWriter json = answer.Writer;
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteString("model", options.Value.ModelId);
        json.WriteStartArray("data");
        foreach (VectorHit hit in hits)
        {
            json.WriteStartObject();
            json.WriteString("id", hit.Id);
            json.WriteNumber("score", hit.Score);
            json.WriteNumber("row", hit.Row);
            if (_pictures is not null)
                json.WriteString("url", urls + Uri.EscapeDataString(hit.Id));
            json.WriteEndObject();
            await answer.SendSomeAsync().ConfigureAwait(false);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await answer.EndAsync().ConfigureAwait(false);
    }

    /// <summary>Puts a picture, or a vector, into the index.</summary>
    public async Task PutAsync(HttpContext context)
    {
        ServerIndex index = model.RequireIndex();
        index.RequireWritable();
        string id = index.CheckIdToPut(Id(context));
        using BodyMemory.Lease lease = memory.Begin();
        (float[] vector, _) = await VectorAsync(context, lease).ConfigureAwait(false);
        bool isReplaced = await index.PutAsync(id, vector).ConfigureAwait(false);
        context.Response.StatusCode = isReplaced ? StatusCodes.Status200OK : StatusCodes.Status201Created;
        await WriteChangeAsync(context, id, index).ConfigureAwait(false);
    }

    /// <summary>Removes what an id names.</summary>
    public async Task DeleteAsync(HttpContext context)
    {
        ServerIndex index = model.RequireIndex();
        string id = Id(context);
        await index.DeleteAsync(id).ConfigureAwait(false);
        await WriteChangeAsync(context, id, index).ConfigureAwait(false);
    }

    /// <summary>The picture of an id, if pictures are shown.</summary>
    public async Task PictureAsync(HttpContext context)
    {
        ServerIndex index = model.RequireIndex();
        string id = Id(context);
        if (_pictures is null)
            throw NotFound("this server shows no pictures");
        using IndexedPicture picture =
            await Task.Run(() => index.WasIndexed(id) ? _pictures.Open(id) : null).ConfigureAwait(false)
            ?? throw NotFound("there is no such picture");
        context.Response.ContentType = picture.Type;
        context.Response.ContentLength = picture.Length;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        context.Response.Headers["Cross-Origin-Resource-Policy"] = "same-origin"; // no other page shows it
        context.Response.Headers.CacheControl = "private, no-cache";
        await picture.CopyToAsync(context.Response.Body, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>What comes before the path of a search, in a program that maps the endpoints below a prefix.</summary>
    private static string Root(HttpRequest request)
    {
        string path = request.Path.Value!.TrimEnd('/'); // routing takes a slash at the end
        return request.PathBase + new PathString(path[..^Search.Length]).ToUriComponent();
    }

    private static RequestFailure NotFound(string message) => new(StatusCodes.Status404NotFound, "not_found", message);

    /// <summary>
    /// The id, of the path as it was sent: a server decodes it but for slashes, and what was decoded once is not to be
    /// decoded again.
    /// </summary>
    private static string Id(HttpContext context)
    {
        string[] raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0].Split('/');
        string[] before = Ids.Trim('/').Split('/');
        int start = Enumerable.Range(0, raw.Length).FirstOrDefault(i => before.Index().All(one => Is(i + one.Index, one.Item)), -1);
        if (start < 0)
            throw NotFound("there is no such path"); // one with dots, of which the server has taken segments away
        return ServerIndex.CheckId(Uri.UnescapeDataString(string.Join('/', raw[(start + before.Length)..])));

        bool Is(int place, string name) =>
            place < raw.Length && Uri.UnescapeDataString(raw[place]).Equals(name, StringComparison.OrdinalIgnoreCase); // as routes are
    }

    private async Task WriteChangeAsync(HttpContext context, string id, ServerIndex index)
    {
        using var answer = new JsonAnswer(context);
        answer.Writer.WriteStartObject();
        answer.Writer.WriteString("id", id);
        answer.Writer.WriteNumber("count", index.Count);
        answer.Writer.WriteEndObject();
        await answer.EndAsync().ConfigureAwait(false);
    }

    /// <summary>The vector that a body has or makes: JSON with a vector or a data URI, or a picture.</summary>
    private async Task<(float[] Vector, int? Neighbors)> VectorAsync(HttpContext context, BodyMemory.Lease lease)
    {
        if (!context.Request.HasJsonContentType())
        {
            model.Pictures.RequireRoom(isQueued: true);
            PictureInput picture = await PictureBody.ReadOneAsync(context, options.Value, lease).ConfigureAwait(false);
            return (await EmbedAsync(picture, context).ConfigureAwait(false), null);
        }

        ReadOnlyMemory<byte> body;
        using (var limited = LimitedBody.Of(context, options.Value, lease))
            body = await limited.ReadAllAsync().ConfigureAwait(false);
        using JsonDocument document = JsonBody.Parse(body);
        JsonElement root = document.RootElement;
        ModelName.Check(root, options.Value);
        int? k = root.Whole("k");
        switch ((root.Member("embedding"), root.Member("input")))
        {
            case ({ } vector, null):
                return (Values(vector), k);
            case (null, { ValueKind: JsonValueKind.String } text):
                PictureInput[] inputs = await texts.ReadAsync([text], lease, context.RequestAborted).ConfigureAwait(false);
                return (await EmbedAsync(inputs[0], context).ConfigureAwait(false), k);
            default:
                throw RequestFailure.Invalid("expected input with a data URI, or embedding with numbers", "input");
        }
    }

    private Task<float[]> EmbedAsync(PictureInput picture, HttpContext context) =>
        model.Pictures.EmbedOneAsync(picture, context.RequestAborted);

    private static float[] Values(JsonElement vector)
    {
        if (vector.ValueKind != JsonValueKind.Array)
            throw RequestFailure.Invalid("embedding: expected a list of numbers", "embedding");
        float[] values = new float[vector.GetArrayLength()];
        int i = 0;
        foreach (JsonElement value in vector.EnumerateArray())
        {
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetSingle(out values[i++]))
                throw RequestFailure.Invalid("embedding: expected a list of numbers", "embedding");
        }

        return values;
    }
}
