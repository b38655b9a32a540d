using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>A JSON answer, sent while it is written.</summary>
internal sealed class JsonAnswer : IDisposable
{
    private const int Enough = 64 << 10; // bytes before some are sent

    private readonly HttpContext _context;

    public JsonAnswer(HttpContext context)
    {
        _context = context;
        context.Response.ContentType ??= "application/json";
        Writer = new Utf8JsonWriter(
            context.Response.BodyWriter,
            new JsonWriterOptions { Encoder = JavaScriptEncoder.Default, SkipValidation = true });
    }

    public Utf8JsonWriter Writer { get; }

    /// <summary>Sends what is there, if it is much.</summary>
    public async ValueTask SendSomeAsync()
    {
        if (Writer.BytesPending + _context.Response.BodyWriter.UnflushedBytes < Enough)
            return;
        await Writer.FlushAsync(_context.RequestAborted).ConfigureAwait(false);
        await _context.Response.BodyWriter.FlushAsync(_context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Sends the rest.</summary>
    public async Task EndAsync()
    {
        await Writer.FlushAsync(_context.RequestAborted).ConfigureAwait(false);
        await _context.Response.BodyWriter.FlushAsync(_context.RequestAborted).ConfigureAwait(false);
    }

    public void Dispose() => Writer.Dispose();
}
