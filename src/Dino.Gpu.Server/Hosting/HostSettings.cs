using System.Net;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Server.Hosting;

/// <summary>One server of <c>dino serve</c>.</summary>
internal sealed record HostSettings
{
    /// <summary>What is listened on.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>0 for any that is free.</summary>
    public required int Port { get; init; }

    /// <summary>
    /// A second port for gRPC without TLS: such a connection cannot say which version of HTTP it speaks. Null for none.
    /// </summary>
    public int? GrpcPort { get; init; }

    /// <summary>Whether connections are encrypted, with the certificate of Kestrel's configuration.</summary>
    public bool HasTls { get; init; }

    /// <summary>Names that clients may call the server by; empty for any.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <summary>Loads the model.</summary>
    public required Func<IDinoEncoder> Load { get; init; }

    /// <summary>What the endpoints offer.</summary>
    public required Action<DinoServerOptions> Configure { get; init; }

    /// <summary>Told what the server logs.</summary>
    public required Action<LogLevel, string> Log { get; init; }

    /// <summary>Told the addresses once the server listens.</summary>
    public required Action<IReadOnlyList<string>> Listening { get; init; }

    /// <summary>Whether the process is the server's alone, so that memory may be given back once nobody asks.</summary>
    public bool TrimsMemory { get; init; }

    /// <summary>How long requests under way may take to end.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
