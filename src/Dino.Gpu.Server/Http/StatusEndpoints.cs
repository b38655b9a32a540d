using System.Text.Json;
using Dino.Gpu.Devices;
using Dino.Gpu.Server.Model;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Http;

/// <summary><c>/health/live</c>, <c>/health/ready</c>, <c>/v1/models</c> and <c>/info</c>.</summary>
internal sealed class StatusEndpoints(ServerModel model, IOptions<DinoServerOptions> options, TimeProvider time)
{
    private readonly long _started = time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Whether the process answers at all.</summary>
    public Task LiveAsync(HttpContext context) => TextAsync(context, "live");

    /// <summary>Whether the model is there, and nobody has asked the server to stop.</summary>
    public Task ReadyAsync(HttpContext context)
    {
        context.Response.StatusCode = model.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return TextAsync(context, model.IsReady ? "ready" : "not ready");
    }

    /// <summary>OpenAI's list of models: the one that is served.</summary>
    public async Task ModelsAsync(HttpContext context)
    {
        using var answer = new JsonAnswer(context);
        Utf8JsonWriter json = answer.Writer;
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        json.WriteStartObject();
        json.WriteString("id", options.Value.ModelId);
        json.WriteString("object", "model");
        json.WriteNumber("created", _started);
        json.WriteString("owned_by", "dino.gpu");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        await answer.EndAsync().ConfigureAwait(false);
    }

    /// <summary>What the model is, what the index has, and how much a request may have.</summary>
    public async Task InfoAsync(HttpContext context)
    {
        IDinoEncoder encoder = model.Pictures.Encoder;
        using var answer = new JsonAnswer(context);
        Utf8JsonWriter json = answer.Writer;
        json.WriteStartObject();
        json.WriteString("model", options.Value.ModelId);
        json.WriteString("version", ProductVersion.Current);
        json.WriteNumber("dimensions", encoder.Config.HiddenSize);
        json.WriteNumber("layers", encoder.Config.LayerCount);
        json.WriteNumber("heads", encoder.Config.HeadCount);
        json.WriteNumber("patch_size", encoder.Config.PatchSize);
        json.WriteNumber("input_width", encoder.InputWidth);
        json.WriteNumber("input_height", encoder.InputHeight);
        json.WriteNumber("tokens", encoder.TokenCount);
        json.WriteString("preprocessing", encoder.Preprocessing);
        json.WriteStartArray("devices");
        foreach (DeviceInfo device in encoder.Devices)
            json.WriteStringValue($"{device.Id} ({device.Name})");
        json.WriteEndArray();
        json.WriteNumber("batch", encoder.BatchSize);
        json.WriteBoolean("normalize", options.Value.Normalize);
        json.WriteNumber("max_body_bytes", options.Value.MaxBodyBytes);
        json.WriteNumber("max_items", options.Value.MaxItems);
        WriteIndex(json);
        json.WriteEndObject();
        await answer.EndAsync().ConfigureAwait(false);
    }

    private void WriteIndex(Utf8JsonWriter json)
    {
        if (model.Index is not { } index)
        {
            json.WriteNull("index");
            return;
        }

        json.WriteStartObject("index");
        json.WriteNumber("count", index.Count);
        json.WriteBoolean("writable", options.Value.IsIndexWritable);
        json.WriteBoolean("pictures", options.Value.Pictures is not null);
        json.WriteEndObject();
    }

    private static Task TextAsync(HttpContext context, string text)
    {
        context.Response.ContentType = "text/plain";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}
