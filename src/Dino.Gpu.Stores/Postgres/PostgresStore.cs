using System.Data;
using Dino.Gpu.Data.Rows;
using Npgsql;
using NpgsqlTypes;
using Pgvector;

namespace Dino.Gpu.Stores.Postgres;

/// <summary>
/// A table of PostgreSQL with pgvector, over one connection. Rows come by a binary COPY into a temporary table and are
/// merged from there, in one transaction.
/// </summary>
internal sealed class PostgresStore : IVectorStore
{
    /// <summary>The fixed part of a message.</summary>
    internal const string NotOurs = "is no table of dino's";

    private readonly StoreAddress _address;
    private readonly PostgresTable _table;
    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlConnection _connection;
    private readonly SemaphoreSlim _turn = new(1, 1);

    private PostgresStore(StoreAddress address, NpgsqlDataSource source, NpgsqlConnection connection)
    {
        _address = address;
        _table = new PostgresTable(address.Table);
        _source = source;
        _connection = connection;
    }

    public string Name => _address.ToString();

    public StoreContents? Contents { get; private set; }

    /// <summary>Connects, and looks whether the table is there.</summary>
    /// <exception cref="DinoException">There is no server, it refuses, or the table is another program's.</exception>
    public static async Task<PostgresStore> OpenAsync(StoreAddress address, CancellationToken cancellation)
    {
        NpgsqlDataSource source = Source(address);
        NpgsqlConnection? connection = null;
        try
        {
            connection = await source.OpenConnectionAsync(cancellation).ConfigureAwait(false);
            var store = new PostgresStore(address, source, connection);
            store.Contents = await store.InTurnAsync(() => store.DescribeAsync(cancellation), cancellation).ConfigureAwait(false);
            return store;
        }
        catch (Exception failure)
        {
            if (connection is not null)
                await connection.DisposeAsync().ConfigureAwait(false);
            await source.DisposeAsync().ConfigureAwait(false);
            if (PostgresFailure.Is(failure))
                throw PostgresFailure.OfConnecting(address, failure);
            throw;
        }
    }

    public async Task PrepareAsync(int dimension, Provenance? model, CancellationToken cancellation)
    {
        if (Contents is null)
        {
            await InTurnAsync(() => EnsureExtensionAsync(cancellation), cancellation).ConfigureAwait(false);
            Contents = await InTurnAsync(() => CreateAsync(dimension, model, cancellation), cancellation).ConfigureAwait(false);
        }

        Contents!.Require(Name, dimension, model);
    }

    public Task<IReadOnlyDictionary<Guid, string?>> DigestsAsync(IReadOnlyList<Guid> ids, CancellationToken cancellation) =>
        InTurnAsync<IReadOnlyDictionary<Guid, string?>>(
            async () =>
            {
                var digests = new Dictionary<Guid, string?>();
                await using NpgsqlCommand command = Command(_table.Digests, ids as Guid[] ?? [.. ids]);
                await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
                while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
                    digests[reader.GetGuid(0)] = reader.IsDBNull(1) ? null : reader.GetString(1);
                return digests;
            },
            cancellation);

    public Task<StoreWrite> WriteAsync(IReadOnlyList<StoredVector> rows, CancellationToken cancellation) => InTurnAsync(
        async () =>
        {
            await using NpgsqlTransaction transaction = await _connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
            await ExecuteAsync(_table.CreateStaging, cancellation).ConfigureAwait(false);
            await using (NpgsqlBinaryImporter copy =
                await _connection.BeginBinaryImportAsync(_table.CopyToStaging, cancellation).ConfigureAwait(false))
            {
                for (int i = 0; i < rows.Count; i++)
                    await CopyAsync(copy, i, rows[i], cancellation).ConfigureAwait(false);
                await copy.CompleteAsync(cancellation).ConfigureAwait(false);
            }

            await using NpgsqlCommand merge = Command(_table.Merge);
            StoreWrite written;
            await using (NpgsqlDataReader reader = await merge.ExecuteReaderAsync(cancellation).ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellation).ConfigureAwait(false);
                written = new StoreWrite((int)reader.GetInt64(0), (int)reader.GetInt64(1));
            }

            await transaction.CommitAsync(cancellation).ConfigureAwait(false);
            return written;
        },
        cancellation);

    public Task<long> KeepOnlyAsync(IEnumerable<Guid> ids, CancellationToken cancellation) => InTurnAsync(
        async () =>
        {
            await using NpgsqlTransaction transaction = await _connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
            await ExecuteAsync(_table.CreateKept, cancellation).ConfigureAwait(false);
            await using (NpgsqlBinaryImporter copy =
                await _connection.BeginBinaryImportAsync(_table.CopyToKept, cancellation).ConfigureAwait(false))
            {
                foreach (Guid id in ids)
                {
                    await copy.StartRowAsync(cancellation).ConfigureAwait(false);
                    await copy.WriteAsync(id, NpgsqlDbType.Uuid, cancellation).ConfigureAwait(false);
                }

                await copy.CompleteAsync(cancellation).ConfigureAwait(false);
            }

            long deleted = await ExecuteAsync(_table.DeleteOthers, cancellation).ConfigureAwait(false);
            await transaction.CommitAsync(cancellation).ConfigureAwait(false);
            return deleted;
        },
        cancellation);

    public async Task BuildHnswAsync(CancellationToken cancellation)
    {
        if (Contents is not { IsApproximate: false } contents)
            return;
        if (contents.Dimension > PostgresTable.LongestInHnsw)
        {
            throw new DinoException(
                $"{Name}: an HNSW graph takes vectors of at most {PostgresTable.LongestInHnsw} values (found {contents.Dimension})",
                "omit --hnsw: searches are exact without it");
        }

        await InTurnAsync(() => ExecuteAsync(_table.CreateGraph, cancellation, seconds: 0), cancellation).ConfigureAwait(false);
        Contents = contents with { IsApproximate = true };
    }

    public Task<IReadOnlyList<StoreHit>> SearchAsync(ReadOnlyMemory<float> query, int k, CancellationToken cancellation) => InTurnAsync(
        async () =>
        {
            await using NpgsqlTransaction transaction = await _connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
            // The graph returns no more results than it looks at; beyond its limit the whole table is read. So it is
            // without the graph: another index that its owner made is none that dino says is approximate.
            string setting = !Contents!.IsApproximate || k > PostgresTable.MostOfHnsw
                ? "SET LOCAL enable_indexscan = off"
                : $"SET LOCAL hnsw.ef_search = {Math.Clamp(2 * k, 100, PostgresTable.MostOfHnsw)}";
            await ExecuteAsync(setting, cancellation).ConfigureAwait(false);

            var found = new List<StoredVector>();
            await using (NpgsqlCommand command = Command(_table.Search, new Vector(query), k))
            await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
                    found.Add(Read(reader));
            }

            await transaction.CommitAsync(cancellation).ConfigureAwait(false);
            return StoreHits.Rank(query, found);
        },
        cancellation);

    public Task<long> CountAsync(CancellationToken cancellation) => InTurnAsync(
        async () =>
        {
            await using NpgsqlCommand command = Command(_table.Count);
            return (long)(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
        },
        cancellation);

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    /// <summary>The connection's options. A password that is not in the address Npgsql finds as psql does.</summary>
    private static NpgsqlDataSource Source(StoreAddress address)
    {
        var options = new NpgsqlConnectionStringBuilder
        {
            Host = address.Host,
            Port = address.Port,
            ApplicationName = "dino",
            Pooling = false, // one connection is all that is needed
            TcpKeepAlive = true, // a server that vanished without a word is found out in two minutes, not two hours
            TcpKeepAliveTime = 30,
            TcpKeepAliveInterval = 10,
            CommandTimeout = 300,
        };
        if (address.User is { } user)
            options.Username = user;
        if (address.Password is { } password)
            options.Password = password;
        if (address.Database is { } database)
            options.Database = database;
        if (address.Parameter("sslrootcert") is { } certificate)
            options.RootCertificate = certificate;
        options.Timeout = Number(address, "connect_timeout", 15);
        options.SslMode = address.Parameter("sslmode") is { } mode ? Mode(address, mode) : SslMode.Prefer;
        var builder = new NpgsqlDataSourceBuilder(options.ConnectionString);
        builder.UseVector();
        return builder.Build();
    }

    private static SslMode Mode(StoreAddress address, string mode) => mode switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw new DinoException(
            $"{address}: sslmode is '{mode}' (expected disable, allow, prefer, require, verify-ca or verify-full)"),
    };

    private static int Number(StoreAddress address, string name, int standard)
    {
        if (address.Parameter(name) is not { } text)
            return standard;
        return int.TryParse(text, out int number) && number is >= 0 and <= 1024
            ? number
            : throw new DinoException($"{address}: {name} is '{text}' (expected seconds from 0 to 1024)");
    }

    private static async Task CopyAsync(NpgsqlBinaryImporter copy, int number, StoredVector row, CancellationToken cancellation)
    {
        StoredPicture picture = row.Picture;
        await copy.StartRowAsync(cancellation).ConfigureAwait(false);
        await copy.WriteAsync(number, NpgsqlDbType.Integer, cancellation).ConfigureAwait(false);
        await copy.WriteAsync(picture.Id, NpgsqlDbType.Uuid, cancellation).ConfigureAwait(false);
        await copy.WriteAsync(picture.Archive, NpgsqlDbType.Text, cancellation).ConfigureAwait(false);
        await copy.WriteAsync(picture.Path, NpgsqlDbType.Text, cancellation).ConfigureAwait(false);
        await WriteAsync(picture.Sha256, NpgsqlDbType.Text).ConfigureAwait(false);
        await WriteAsync(picture.Width, NpgsqlDbType.Integer).ConfigureAwait(false);
        await WriteAsync(picture.Height, NpgsqlDbType.Integer).ConfigureAwait(false);
        await copy.WriteAsync(new Vector(row.Values), cancellation).ConfigureAwait(false);

        Task WriteAsync(object? value, NpgsqlDbType type) =>
            value is null ? copy.WriteNullAsync(cancellation) : copy.WriteAsync(value, type, cancellation);
    }

    private static StoredVector Read(NpgsqlDataReader reader)
    {
        var picture = new StoredPicture(reader.GetString(1), reader.GetString(0))
        {
            Sha256 = reader.IsDBNull(2) ? null : reader.GetString(2),
            Width = reader.IsDBNull(3) ? null : reader.GetInt32(3),
            Height = reader.IsDBNull(4) ? null : reader.GetInt32(4),
        };
        return new StoredVector(picture, reader.GetFieldValue<Vector>(5).Memory);
    }

    private async Task<StoreContents?> DescribeAsync(CancellationToken cancellation)
    {
        var columns = new Dictionary<string, (string Type, int Modifier)>(StringComparer.Ordinal);
        string? comment = null;
        await using (NpgsqlCommand command = Command(_table.Describe, _table.Quoted))
        await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
            {
                columns[reader.GetString(0)] = (reader.GetString(1), reader.GetInt32(2));
                comment = reader.IsDBNull(3) ? null : reader.GetString(3);
            }
        }

        if (columns.Count == 0)
            return null;
        bool isKnown = StoreContents.TryRead(comment, out Provenance? model);
        (string Name, string Type)[] missing =
            [.. PostgresTable.Columns.Where(column => !columns.TryGetValue(column.Name, out var found) || found.Type != column.Type)];
        if (!isKnown || missing.Length > 0)
        {
            string found = isKnown
                ? $"no column {missing[0].Name} of type {missing[0].Type}"
                : "no comment that says what made its vectors";
            throw new DinoException($"{Name} {NotOurs} ({found})", "name another table: ?table=NAME");
        }

        await using NpgsqlCommand graph = Command(_table.HasGraph, _table.Quoted);
        bool hasGraph = (bool)(await graph.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
        return new StoreContents(columns["embedding"].Modifier, model, hasGraph);
    }

    /// <summary>Makes the extension, unless it is there, and makes its types known to the connection.</summary>
    /// <returns>Whether it was not there.</returns>
    private async Task<bool> EnsureExtensionAsync(CancellationToken cancellation)
    {
        await using NpgsqlCommand command = Command("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')");
        bool isMissing = !(bool)(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
        try
        {
            if (isMissing)
                await ExecuteAsync("CREATE EXTENSION IF NOT EXISTS vector", cancellation).ConfigureAwait(false);
        }
        catch (PostgresException failure) when (failure.SqlState is "23505" or "42710")
        {
            // another process was faster: IF NOT EXISTS does not see what is being made
        }
        catch (PostgresException failure)
        {
            throw new DinoException(
                $"{Name}: {PostgresFailure.NoExtension}, and it cannot be made: {failure.MessageText}",
                "install pgvector on the server, and let an owner of the database run CREATE EXTENSION vector",
                failure);
        }

        await _connection.ReloadTypesAsync(cancellation).ConfigureAwait(false); // it may be newer than the connection
        return isMissing;
    }

    /// <summary>Makes the table, unless another process was faster.</summary>
    private async Task<StoreContents?> CreateAsync(int dimension, Provenance? model, CancellationToken cancellation)
    {
        await using NpgsqlTransaction transaction = await _connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
        await using (NpgsqlCommand turn = Command("SELECT pg_advisory_xact_lock(hashtext($1))::text", $"dino {_table.Quoted}"))
            await turn.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
        StoreContents? contents = await DescribeAsync(cancellation).ConfigureAwait(false);
        if (contents is null)
        {
            await ExecuteAsync(_table.Create(dimension), cancellation).ConfigureAwait(false);
            await ExecuteAsync("SET LOCAL standard_conforming_strings = on", cancellation).ConfigureAwait(false);
            await ExecuteAsync(_table.Comment(StoreContents.Describe(model)), cancellation).ConfigureAwait(false);
            contents = new StoreContents(dimension, model, IsApproximate: false);
        }

        await transaction.CommitAsync(cancellation).ConfigureAwait(false);
        return contents;
    }

    /// <summary>Works alone on the connection; what goes wrong with the server becomes a message.</summary>
    private async Task<T> InTurnAsync<T>(Func<Task<T>> work, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (Exception failure) when (PostgresFailure.Is(failure)
            || (failure is InvalidOperationException && _connection.State != ConnectionState.Open)) // a second call after it broke
        {
            throw PostgresFailure.Of(Name, failure);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<int> ExecuteAsync(string statement, CancellationToken cancellation, int? seconds = null)
    {
        await using NpgsqlCommand command = Command(statement);
        command.CommandTimeout = seconds ?? command.CommandTimeout;
        return await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
    }

    private NpgsqlCommand Command(string statement, params object[] values)
    {
        var command = new NpgsqlCommand(statement, _connection);
        foreach (object value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
