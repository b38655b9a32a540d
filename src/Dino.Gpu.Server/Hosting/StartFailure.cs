using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Server.Hosting;

/// <summary>Says in one line why a server cannot start, and names the option or the variable to change.</summary>
internal static class StartFailure
{
    private const string Certificate = "Kestrel__Certificates__Default__Path";

    /// <summary>Binds a socket to what is to be listened on.</summary>
    /// <exception cref="DinoException">It cannot be bound.</exception>
    public static Socket Bind(EndPoint endpoint, HostSettings settings)
    {
        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        }
        catch (SocketException failure)
        {
            throw Of(failure, endpoint, settings);
        }
    }

    /// <summary>Why an endpoint cannot be bound.</summary>
    internal static DinoException Of(SocketException failure, EndPoint endpoint, HostSettings settings)
    {
        string option = endpoint switch
        {
            IPEndPoint { Port: var port } when port == settings.Port => "--port",
            IPEndPoint { Port: var port } when port == settings.GrpcPort => "--grpc-port",
            _ => "port in Kestrel__Endpoints",
        };
        (string reason, string hint) = failure.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse =>
                ("another program, or this one, listens there already", $"choose another {option}, or 0 for any that is free"),
            SocketError.AddressNotAvailable => ("this machine has no such address", "choose another --host; 0.0.0.0 means all it has"),
            SocketError.AccessDenied => (
                "permission denied", $"choose another {option}, of 1024 or more, or give the process CAP_NET_BIND_SERVICE"),
            _ => (failure.Message, $"choose another --host or {option}"),
        };
        return new DinoException($"cannot listen on {endpoint}: {reason}", hint, failure);
    }

    /// <summary>What a failure of the start means; null if it is none that the owner of the server can mend.</summary>
    public static DinoException? Of(Exception failure, HostSettings settings)
    {
        string line = failure.Message.Split('\n')[0].TrimEnd('.', '\r');
        return failure switch
        {
            DinoException => null,
            IOException { InnerException: AddressInUseException } => // in a moment between two steps of the system
                new DinoException($"cannot listen: {line}", "choose another --port or --grpc-port, or 0 for any that is free", failure),
            IOException or UnauthorizedAccessException or CryptographicException => new DinoException(
                $"the certificate of Kestrel's configuration cannot be used: {line}", $"see {Certificate} and its KeyPath", failure),
            InvalidOperationException when settings.HasTls && line.Contains("certificate", StringComparison.OrdinalIgnoreCase) =>
                new DinoException($"--tls: {line}", $"set {Certificate} and Kestrel__Certificates__Default__KeyPath", failure),
            InvalidOperationException or FormatException => new DinoException(
                $"the server cannot be set up: {line}", "see the variables that begin with Kestrel__", failure),
            _ => null,
        };
    }

    /// <summary>Sets Kestrel's limits.</summary>
    /// <param name="limits">Kestrel's.</param>
    /// <param name="values">The section <c>Kestrel:Limits</c> of the configuration.</param>
    /// <exception cref="DinoException">A value cannot be used; the variable is named.</exception>
    public static void Bind(KestrelServerLimits limits, IConfigurationSection values)
    {
        if (TryBind(values, limits) is not { } failure)
            return;

        // The binder does not say which: that one fails alone, too.
        (string? key, string? value) = values.AsEnumerable(makePathsRelative: true).FirstOrDefault(one => one.Value is not null
            && TryBind(new ConfigurationBuilder().AddInMemoryCollection([one]).Build(), new KestrelServerLimits()) is not null);
        while (failure.InnerException is { } inner)
            failure = inner;
        string reason = failure.Message.Split('\n')[0].TrimEnd('.', '\r');
        throw new DinoException($"{Variable($"{values.Path}:{key}")}: found '{value}': {reason}");
    }

    /// <summary>Checks the levels of logs, which .NET refuses without the name of the variable.</summary>
    /// <exception cref="DinoException">There is no such level.</exception>
    public static void CheckLogging(IConfigurationSection logging)
    {
        foreach ((string path, string? value) in logging.AsEnumerable())
        {
            bool isLevel = path.Contains(":LogLevel:", StringComparison.OrdinalIgnoreCase) && !string.IsNullOrEmpty(value);
            if (isLevel && !Enum.TryParse<LogLevel>(value, ignoreCase: true, out _))
                throw new DinoException($"{Variable(path)}: expected {string.Join(", ", Enum.GetNames<LogLevel>())}, found '{value}'");
        }
    }

    private static Exception? TryBind(IConfiguration values, KestrelServerLimits limits)
    {
        try
        {
            values.Bind(limits);
            return null;
        }
        catch (Exception failure) // of the binder, or of a limit's setter
        {
            return failure;
        }
    }

    private static string Variable(string path) => path.Replace(":", "__", StringComparison.Ordinal);
}
