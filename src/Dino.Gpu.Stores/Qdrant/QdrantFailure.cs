using Dino.Gpu.Files;
using Grpc.Core;

namespace Dino.Gpu.Stores.Qdrant;

/// <summary>Turns what goes wrong with a server into one line and what to do. No line has a key.</summary>
internal static class QdrantFailure
{
    /// <summary>The fixed parts of messages.</summary>
    internal const string NoServer = "no Qdrant answers at";

    /// <inheritdoc cref="NoServer"/>
    internal const string Refused = "the server refused the key";

    /// <summary>A call that failed.</summary>
    public static DinoException Of(StoreAddress address, RpcException failure) => failure.StatusCode switch
    {
        StatusCode.Unauthenticated or StatusCode.PermissionDenied =>
            new DinoException(
                $"{address}: {Refused} ({Text(failure)})", "set QDRANT_API_KEY, and add ?tls=true if the server has TLS", failure),
        StatusCode.Unavailable or StatusCode.DeadlineExceeded => new DinoException(
            $"{NoServer} {address.Host}:{address.Port} ({Text(failure)})",
            "start the server, or check host and gRPC port (6334); what was written is safe, and the same command resumes",
            failure),
        _ => new DinoException($"{address}: {Text(failure)} ({failure.StatusCode})", failure),
    };

    private static string Text(RpcException failure) => MessageText.OneLine(failure.Status.Detail);
}
