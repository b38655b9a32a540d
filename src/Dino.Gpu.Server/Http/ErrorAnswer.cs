using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// Answers that say what is wrong: problem JSON (RFC 9457), and OpenAI's shape below <c>/v1</c>.
/// </summary>
internal static class ErrorAnswer
{
    /// <summary>Answers with a failure, unless an answer is under way already: then the connection ends.</summary>
    public static async Task WriteAsync(HttpContext context, RequestFailure failure, DinoServerOptions options)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        await FillAsync(context, failure, options).ConfigureAwait(false);
    }

    /// <summary>Answers with a failure, and keeps headers such as <c>Allow</c>.</summary>
    public static async Task FillAsync(HttpContext context, RequestFailure failure, DinoServerOptions options)
    {
        Begin(context, failure, options);
        using var json = new JsonAnswer(context);
        json.Writer.WriteStartObject();
        WriteMembers(json.Writer, failure, IsOpenAI(context));
        json.Writer.WriteEndObject();
        await json.EndAsync().ConfigureAwait(false);
    }

    /// <summary>Sets the status and the headers of a failure.</summary>
    public static void Begin(HttpContext context, RequestFailure failure, DinoServerOptions options)
    {
        context.Response.StatusCode = failure.Status;
        context.Response.ContentType = IsOpenAI(context) ? "application/json" : "application/problem+json";
        if (failure.IsTemporary)
        {
            context.Response.Headers.RetryAfter =
                Math.Max(1, (int)Math.Ceiling(options.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (failure.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
    }

    /// <summary>Writes the members that say what is wrong into an object that has begun.</summary>
    public static void WriteMembers(Utf8JsonWriter json, RequestFailure failure, bool isOpenAI, Action<Utf8JsonWriter>? more = null)
    {
        if (isOpenAI)
        {
            json.WriteStartObject("error");
            json.WriteString("message", failure.Hint is null ? failure.Message : $"{failure.Message}; {failure.Hint}");
            json.WriteString("type", TypeOf(failure.Status));
            json.WriteString("param", failure.Parameter);
            json.WriteString("code", failure.Reason);
            more?.Invoke(json);
            json.WriteEndObject();
            return;
        }

        json.WriteString("type", "about:blank");
        json.WriteString("title", ReasonPhrases.GetReasonPhrase(failure.Status));
        json.WriteNumber("status", failure.Status);
        json.WriteString("detail", failure.Message);
        json.WriteString("reason", failure.Reason);
        if (failure.Hint is not null)
            json.WriteString("hint", failure.Hint);
        more?.Invoke(json);
    }

    /// <summary>Whether clients of OpenAI's service ask here; below <c>/v1</c> there may be no endpoint.</summary>
    public static bool IsOpenAI(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<OpenAIShape>() is not null || context.Request.Path.StartsWithSegments("/v1");

    private static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    /// <summary>Marks endpoints whose errors have OpenAI's shape.</summary>
    public sealed class OpenAIShape;
}
