using System.Net;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino serve</c>, as the command line asks for it.</summary>
internal sealed record ServeSettings
{
    /// <summary>Value of <c>--weights</c>, or null to look in the usual places.</summary>
    public required string? Weights { get; init; }

    public required DinoOptions Model { get; init; }

    public required IPAddress Address { get; init; }

    public required int Port { get; init; }

    public required int? GrpcPort { get; init; }

    public required bool Tls { get; init; }

    /// <summary>Names that clients may call the server by; empty for those of this machine alone, if only it may ask.</summary>
    public required string[] HostNames { get; init; }

    /// <summary>The model's name in requests and answers; null for that of the weights.</summary>
    public required string? ModelId { get; init; }

    public required bool Normalize { get; init; }

    public required string? Index { get; init; }

    public required bool ReadOnly { get; init; }

    public required string? Pictures { get; init; }

    public required string? ApiKeyFile { get; init; }

    public required string[] AllowedUrls { get; init; }

    /// <summary>Most bytes of a request.</summary>
    public required long MaxBody { get; init; }

    /// <summary>Most pictures of a request.</summary>
    public required int MaxItems { get; init; }

    /// <summary>How long the server says that it is not ready before it stops.</summary>
    public required TimeSpan Drain { get; init; }

    public required bool Page { get; init; }
}
