using System.Globalization;
using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Stores;

/// <summary>
/// Where a store is: <c>postgres://USER@HOST/DATABASE?table=NAME</c> or <c>qdrant://HOST/COLLECTION</c>. Its text
/// leaves the password out, so it can stand in messages.
/// </summary>
public sealed class StoreAddress
{
    /// <summary>The table of a <c>postgres://</c> address that names none.</summary>
    public const string StandardTable = "dino_pictures";

    /// <summary>The fixed part of a message.</summary>
    internal const string NotOne = "is no address of a store";

    private const string Forms = "postgres://USER@HOST/DATABASE?table=NAME or qdrant://HOST:6334/COLLECTION";

    private static readonly string[] PostgresParameters = ["table", "host", "sslmode", "sslrootcert", "connect_timeout"];
    private static readonly string[] QdrantParameters = ["tls"];

    private readonly Dictionary<string, string> _parameters;

    private StoreAddress(bool isPostgres, Uri uri, Dictionary<string, string> parameters)
    {
        IsPostgres = isPostgres;
        _parameters = parameters;
        Host = parameters.GetValueOrDefault("host") ?? uri.IdnHost;
        Port = uri.Port > 0 ? uri.Port : isPostgres ? 5432 : 6334;
        string[] user = uri.UserInfo.Split(':', 2);
        User = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null;
        Password = user.Length > 1 && user[1].Length > 0 ? Uri.UnescapeDataString(user[1]) : null;
        string path = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/'));
        Database = isPostgres && path.Length > 0 ? path : null;
        Table = isPostgres ? parameters.GetValueOrDefault("table", StandardTable) : path;
    }

    /// <summary>Whether it is PostgreSQL; else Qdrant.</summary>
    public bool IsPostgres { get; }

    /// <summary>The server, or the folder of its socket.</summary>
    public string Host { get; }

    /// <summary>The port; 5432 or 6334 unless the address has another.</summary>
    public int Port { get; }

    /// <summary>The user; null if the address has none.</summary>
    public string? User { get; }

    /// <summary>The database of PostgreSQL; null for the one that has the user's name.</summary>
    public string? Database { get; }

    /// <summary>The table, perhaps with its schema and a dot before it; or the collection.</summary>
    public string Table { get; }

    /// <summary>The password or the key of the interface; null if the address has none.</summary>
    internal string? Password { get; }

    /// <summary>Whether a text is such an address, be it right or wrong.</summary>
    public static bool IsAddress(string text) => UrlInput.IsStore(text);

    /// <summary>Reads an address.</summary>
    /// <exception cref="DinoException">It is none.</exception>
    public static StoreAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool isPostgres = text.StartsWith("postgres", StringComparison.OrdinalIgnoreCase);
        if (!IsAddress(text) || !Uri.TryCreate(text, UriKind.Absolute, out Uri? uri))
            throw Wrong(text, Forms);
        // The first / ? or # ends user and host, so of me:12/34@host the host would be me, and the port a piece of the password.
        if (uri.Fragment.Length > 0 || uri.PathAndQuery.Contains('@'))
            throw Wrong(text, "no # and no @ behind the host");
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        string[] known = isPostgres ? PostgresParameters : QdrantParameters;
        foreach (string pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split('=', 2);
            if (!known.Contains(parts[0]))
                throw Wrong(text, $"only {string.Join(", ", known)} after the question mark");
            parameters[parts[0]] = parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "";
        }

        var address = new StoreAddress(isPostgres, uri, parameters);
        if (address.Host.Length == 0)
            throw Wrong(text, "a host");
        if (address.Table.Length == 0 || address.Table.Any(char.IsControl) || (!isPostgres && address.Table.Contains('/')))
            throw Wrong(text, isPostgres ? "a name after table=" : "the name of a collection after the slash");
        return address;
    }

    /// <summary>The address without the password.</summary>
    public override string ToString()
    {
        string user = User is null ? "" : $"{User}@";
        bool isSocket = Host.StartsWith('/');
        string host = isSocket ? "" : Host.Contains(':') && !Host.StartsWith('[') ? $"[{Host}]" : Host;
        string port = Port == (IsPostgres ? 5432 : 6334) ? "" : string.Create(CultureInfo.InvariantCulture, $":{Port}");
        string socket = isSocket ? $"&host={Host}" : "";
        return IsPostgres
            ? $"postgres://{user}{host}{port}/{Database}?table={Table}{socket}"
            : $"qdrant://{host}{port}/{Table}";
    }

    /// <summary>The value after a question mark; null if it is not given.</summary>
    internal string? Parameter(string name) => _parameters.GetValueOrDefault(name);

    private static DinoException Wrong(string text, string expected) =>
        new(
            $"{UrlInput.WithoutPassword(text)} {NotOne} (expected {expected})",
            text.AsSpan().ContainsAny('@', '#')
                ? "in a password or a name write / as %2F, ? as %3F, # as %23, @ as %40; or set PGPASSWORD or QDRANT_API_KEY"
                : null);
}
