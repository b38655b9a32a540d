using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// Answers with vectors. If a picture failed, the status is 422, and the answer is JSON: it names each that failed and
/// has the vectors of the others.
/// </summary>
internal static class VectorAnswer
{
    /// <summary>Answers <c>POST /embed</c>.</summary>
    public static Task WriteAsync(
        HttpContext context, PictureResult[] results, OutputChoice output, VectorFormat format, DinoServerOptions options)
    {
        RequestFailure? failure = FailureOf(results, openAI: false);
        return failure is null && format.Container != VectorContainer.Json
            ? WriteArrayAsync(context, results, output.Layout.Shape, format)
            : WriteJsonAsync(context, results, failure, output, options);
    }

    /// <summary>Answers <c>POST /v1/embeddings</c>.</summary>
    public static async Task WriteOpenAIAsync(
        HttpContext context, PictureResult[] results, bool isBase64, int tokens, DinoServerOptions options)
    {
        RequestFailure? failure = FailureOf(results, openAI: true);
        if (failure is not null)
            ErrorAnswer.Begin(context, failure, options);
        using var answer = new JsonAnswer(context);
        Utf8JsonWriter json = answer.Writer;
        json.WriteStartObject();
        if (failure is not null)
            ErrorAnswer.WriteMembers(json, failure, isOpenAI: true, more => WriteErrors(more, results, "code", "message"));
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (PictureResult result in results.Where(result => result.Values is not null))
        {
            json.WriteStartObject();
            json.WriteString("object", "embedding");
            json.WriteNumber("index", result.Index);
            if (isBase64)
                json.WriteBase64String("embedding", MemoryMarshal.AsBytes<float>(result.Values));
            else
                WriteValues(json, "embedding", result.Values!);
            json.WriteEndObject();
            await answer.SendSomeAsync().ConfigureAwait(false);
        }

        json.WriteEndArray();
        json.WriteString("model", options.ModelId);
        json.WriteStartObject("usage");
        long used = (long)tokens * results.Count(result => result.Values is not null);
        json.WriteNumber("prompt_tokens", used);
        json.WriteNumber("total_tokens", used);
        json.WriteEndObject();
        json.WriteEndObject();
        await answer.EndAsync().ConfigureAwait(false);
    }

    private static async Task WriteJsonAsync(
        HttpContext context, PictureResult[] results, RequestFailure? failure, OutputChoice output, DinoServerOptions options)
    {
        if (failure is not null)
            ErrorAnswer.Begin(context, failure, options);
        using var answer = new JsonAnswer(context);
        Utf8JsonWriter json = answer.Writer;
        json.WriteStartObject();
        if (failure is not null)
            ErrorAnswer.WriteMembers(json, failure, isOpenAI: false, more => WriteErrors(more, results, "reason", "detail"));
        json.WriteString("model", options.ModelId);
        json.WriteString("output", output.Name);
        json.WriteStartArray("shape");
        foreach (int side in output.Layout.Shape)
            json.WriteNumberValue(side);
        json.WriteEndArray();
        json.WriteStartArray("embeddings");
        foreach (PictureResult result in results.Where(result => result.Values is not null))
        {
            json.WriteStartObject();
            json.WriteNumber("index", result.Index);
            if (result.Name is not null)
                json.WriteString("name", result.Name);
            WriteValues(json, "embedding", result.Values!);
            json.WriteEndObject();
            await answer.SendSomeAsync().ConfigureAwait(false);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await answer.EndAsync().ConfigureAwait(false);
    }

    private static async Task WriteArrayAsync(HttpContext context, PictureResult[] results, int[] shape, VectorFormat format)
    {
        FloatType type = format.IsHalf ? FloatType.Float16 : FloatType.Float32;
        byte[] header =
            format.Container == VectorContainer.Npy ? NpyHeader.Reserve(NpyHeader.TypeOf(type), results.Length, shape) : [];
        foreach (PictureResult result in results)
        {
            if (ValueEncoder.Misfit(type, result.Values) is { } value)
            {
                throw RequestFailure.NoHalf(
                    string.Create(CultureInfo.InvariantCulture, $"picture {result.Index}"), value, "ask for dtype=f32 in Accept");
            }
        }

        context.Response.ContentType = format.MediaType;
        context.Response.ContentLength =
            header.Length + results.Sum(result => (long)result.Values!.Length) * (format.IsHalf ? sizeof(short) : sizeof(float));
        await context.Response.Body.WriteAsync(header, context.RequestAborted).ConfigureAwait(false);
        foreach (PictureResult result in results)
        {
            byte[] row = format.IsHalf
                ? MemoryMarshal.AsBytes<Half>(Array.ConvertAll(result.Values!, value => (Half)value)).ToArray()
                : MemoryMarshal.AsBytes<float>(result.Values).ToArray();
            await context.Response.Body.WriteAsync(row, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private static RequestFailure? FailureOf(PictureResult[] results, bool openAI)
    {
        PictureResult[] failed = [.. results.Where(result => result.Failure is not null)];
        if (failed.Length == 0)
            return null;
        PictureResult first = failed[0];
        string message = results.Length == 1
            ? first.Failure!.Message
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{failed.Length} of {results.Length} pictures cannot be used; picture {first.Index}: {first.Failure!.Message}");
        return new RequestFailure(StatusCodes.Status422UnprocessableEntity, first.Failure!.Reason, message, first.Failure.Hint)
        {
            Parameter = openAI ? string.Create(CultureInfo.InvariantCulture, $"input[{first.Index}]") : null,
        };
    }

    private static void WriteErrors(Utf8JsonWriter json, PictureResult[] results, string reason, string detail)
    {
        json.WriteStartArray("errors");
        foreach (PictureResult result in results)
        {
            if (result.Failure is not { } failure)
                continue;
            json.WriteStartObject();
            json.WriteNumber("index", result.Index);
            if (result.Name is not null)
                json.WriteString("name", result.Name);
            json.WriteString(reason, failure.Reason);
            json.WriteString(detail, failure.Message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteValues(Utf8JsonWriter json, string name, float[] values)
    {
        json.WriteStartArray(name);
        foreach (float value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
