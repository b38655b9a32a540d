using System.Net.Sockets;
using Dino.Gpu.Files;
using Npgsql;

namespace Dino.Gpu.Stores.Postgres;

/// <summary>Turns what goes wrong with a server into one line and what to do. No line has a password.</summary>
internal static class PostgresFailure
{
    /// <summary>The fixed parts of messages.</summary>
    internal const string NoServer = "no PostgreSQL answers at";

    /// <inheritdoc cref="NoServer"/>
    internal const string Refused = "the server refused the user";

    /// <inheritdoc cref="NoServer"/>
    internal const string Lost = "the connection to the server was lost";

    /// <inheritdoc cref="NoServer"/>
    internal const string NoExtension = "the database has no extension vector (pgvector)";

    private const string Password = "set PGPASSWORD, or add a line to ~/.pgpass, and check the user";
    private const string Resume = "what was written is safe; run the same command again to resume";

    /// <summary>Whether a failure is one of these.</summary>
    public static bool Is(Exception failure) => failure is NpgsqlException or SocketException or IOException or TimeoutException;

    /// <summary>A connection that could not be opened.</summary>
    public static DinoException OfConnecting(StoreAddress address, Exception failure)
    {
        string place = address.Host.StartsWith('/') ? address.Host : $"{address.Host}:{address.Port}";
        return failure switch
        {
            PostgresException { SqlState: "28P01" or "28000" } refused =>
                new DinoException($"{address}: {Refused} ({Text(refused)})", Password, failure),
            PostgresException { SqlState: "3D000" } => new DinoException(
                $"{address}: there is no database '{address.Database ?? address.User}'", "make it with createdb, or name another", failure),
            PostgresException other => Of(address.ToString(), other),
            NpgsqlException when failure.Message.Contains("password", StringComparison.OrdinalIgnoreCase) =>
                new DinoException($"{address}: {Refused} (it wants a password, found none)", Password, failure),
            _ => new DinoException(
                $"{NoServer} {place} ({Cause(failure)})", "start the server, or check host, port and sslmode", failure),
        };
    }

    /// <summary>A statement that failed.</summary>
    public static DinoException Of(string store, Exception failure) => failure switch
    {
        PostgresException { SqlState: "42501" or "25006" } denied =>
            new DinoException($"{store}: {Text(denied)}", "grant the user the rights to read and write the table", failure),
        PostgresException { SqlState: "53100" or "53200" or "53300" or "57P01" or "57P02" or "57P03" } ended =>
            new DinoException($"{store}: {Text(ended)}", Resume, failure),
        PostgresException other => new DinoException($"{store}: {Text(other)} (SQLSTATE {other.SqlState})", failure),
        _ => new DinoException($"{store}: {Lost} ({Cause(failure)})", Resume, failure),
    };

    private static string Text(PostgresException failure) => MessageText.OneLine(failure.MessageText);

    private static string Cause(Exception failure) => MessageText.OneLine((failure.InnerException ?? failure).Message);
}
