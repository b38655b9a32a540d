using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// Stands before every endpoint: asks for the key, checks the names of parameters, sets the limit of the body, and turns
/// each failure into an answer.
/// </summary>
internal sealed partial class RequestGuard(
    IOptions<DinoServerOptions> options, ApiKeys keys, IHostApplicationLifetime lifetime, ILogger<RequestGuard> logger)
{
    private const int ClientClosedRequest = 499; // nginx's; nobody sees it but logs and metrics

    /// <summary>Runs an endpoint.</summary>
    public async Task RunAsync(HttpContext context, RequestDelegate endpoint)
    {
        RequestFailure? answer;
        try
        {
            if (context.GetEndpoint()?.Metadata.GetMetadata<Open>() is null && !keys.Allow(context.Request))
            {
                throw new RequestFailure(
                    StatusCodes.Status401Unauthorized, "invalid_api_key", "a key is needed", "send Authorization: Bearer KEY");
            }

            if (context.GetEndpoint()?.Metadata.GetMetadata<ApiDescription>() is { Query.Count: > 0 } its)
                Query.CheckNames(context.Request, its.Query.Select(one => one.Name));
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
                limit.MaxRequestBodySize = options.Value.MaxBodyBytes;
            await endpoint(context).ConfigureAwait(false);
            return;
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
            return;
        }
        catch (Exception failure)
        {
            answer = AnswerTo(failure);
        }

        await ErrorAnswer.WriteAsync(context, answer, options.Value).ConfigureAwait(false);
        if (answer.IsTemporary)
            await RefusedBody.DrainAsync(context, options.Value, lifetime.ApplicationStopping).ConfigureAwait(false);
    }

    private RequestFailure AnswerTo(Exception failure)
    {
        switch (failure)
        {
            case RequestFailure known:
                return known;
            case BadHttpRequestException bad when bad.StatusCode == StatusCodes.Status413PayloadTooLarge:
                return RequestFailure.TooLarge(options.Value.MaxBodyBytes);
            case BadHttpRequestException bad:
                return new RequestFailure(bad.StatusCode, "bad_request", bad.Message);
            case DinoBusyException busy:
                return RequestFailure.Busy(busy.Message);
            case ObjectDisposedException or OperationCanceledException when lifetime.ApplicationStopping.IsCancellationRequested:
                return RequestFailure.Stopping();
            default:
                Failed(failure.Message, failure);
                return new RequestFailure(
                    StatusCodes.Status500InternalServerError,
                    failure is DeviceException ? DinoTelemetry.ErrorType(failure) : "internal",
                    failure is DeviceException ? failure.Message : "the server failed; its log says why"); // others may name files
        }
    }

    [LoggerMessage(3, LogLevel.Error, "{Reason}")]
    private partial void Failed(string reason, Exception failure);

    /// <summary>Marks endpoints that need no key.</summary>
    public sealed class Open;
}
