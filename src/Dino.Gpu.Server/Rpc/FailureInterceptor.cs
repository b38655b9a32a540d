using System.Globalization;
using Dino.Gpu.Server.Requests;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Server.Rpc;

/// <summary>Turns failures into gRPC's statuses, with the reason in the trailer <c>dino-reason</c>.</summary>
internal sealed partial class FailureInterceptor(ILogger<FailureInterceptor> logger) : Interceptor
{
    private const string Reason = "dino-reason";

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(continuation);
        try
        {
            return await continuation(request, context).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is not RpcException && !context.CancellationToken.IsCancellationRequested)
        {
            throw Of(failure);
        }
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(continuation);
        try
        {
            await continuation(requestStream, responseStream, context).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is not (RpcException or IOException) && !context.CancellationToken.IsCancellationRequested)
        {
            throw Of(failure);
        }
    }

    /// <summary>The status of a refusal.</summary>
    public static RpcException Of(RequestFailure failure) => Of(CodeOf(failure.Status), failure.Reason, failure.Message);

    private static RpcException Of(StatusCode code, string reason, string message) =>
        new(new Status(code, message), new Metadata { { Reason, reason } });

    private RpcException Of(Exception failure)
    {
        (StatusCode code, string reason, string message) = failure switch
        {
            RequestFailure known => (CodeOf(known.Status), known.Reason, known.Message),
            DinoBusyException => (StatusCode.ResourceExhausted, "busy", failure.Message),
            DeviceException => (StatusCode.Internal, DinoTelemetry.ErrorType(failure), failure.Message),
            ObjectDisposedException => (StatusCode.Unavailable, "stopping", "the server is stopping"),
            _ => (StatusCode.Internal, "internal", "the server failed; its log says why"),
        };
        if (code == StatusCode.Internal)
            Failed(failure.Message, failure);
        return Of(code, reason, message);
    }

    private static StatusCode CodeOf(int status) => status switch
    {
        401 => StatusCode.Unauthenticated,
        403 => StatusCode.PermissionDenied,
        404 => StatusCode.NotFound,
        408 => StatusCode.DeadlineExceeded,
        413 or 429 => StatusCode.ResourceExhausted, // gRPC's own for a message that is too large
        503 => StatusCode.Unavailable,
        < 500 => StatusCode.InvalidArgument,
        _ => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"There is no failure {status}.")),
    };

    [LoggerMessage(4, LogLevel.Error, "{Reason}")]
    private partial void Failed(string reason, Exception failure);
}
