using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// Answers for paths that no endpoint has, and for methods that a path does not take: routing sends a bare status.
/// </summary>
internal static class UnknownPath
{
    private const string Rpc = "application/grpc";

    /// <summary>Runs a request, and says what is wrong where nobody else has.</summary>
    public static async Task RunAsync(HttpContext context, RequestDelegate next, DinoServerOptions options)
    {
        await next(context).ConfigureAwait(false);
        HttpResponse answer = context.Response;
        bool isAnswered = answer.HasStarted || answer.ContentType is not null || answer.ContentLength is not null;
        if (isAnswered || context.RequestAborted.IsCancellationRequested || IsRpc(context.Request))
            return;
        RequestFailure? failure = answer.StatusCode switch
        {
            StatusCodes.Status404NotFound => new RequestFailure(
                answer.StatusCode, "not_found", "there is no such path", "/openapi.json lists those there are"),
            StatusCodes.Status405MethodNotAllowed => new RequestFailure(
                answer.StatusCode,
                "method_not_allowed",
                $"this path does not take {EmbeddingsRequest.Short(context.Request.Method)} (expected {answer.Headers.Allow})"),
            _ => null,
        };
        if (failure is not null)
            await ErrorAnswer.FillAsync(context, failure, options).ConfigureAwait(false);
    }

    /// <summary>Whether a client of gRPC asks, which reads UNIMPLEMENTED from the bare 404.</summary>
    private static bool IsRpc(HttpRequest request) => request.ContentType?.StartsWith(Rpc, StringComparison.OrdinalIgnoreCase) == true;
}
