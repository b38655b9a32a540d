using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Stores;
using Dino.Gpu.Tests.Support;
using Npgsql;

namespace Dino.Gpu.Tests.Stores;

/// <summary>The tests that share one server, and so one connection at a time.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresGroup : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}

/// <summary>
/// PostgreSQL with pgvector: the one that npm installs, on a port of its own; or another, which
/// <c>DINO_TEST_POSTGRES=postgres://USER@HOST/DATABASE</c> names. Tests are skipped where there is neither.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private Process? _process;
    private string? _missing;
    private string _server = "";

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("DINO_TEST_POSTGRES") is { Length: > 0 } named)
        {
            _server = named;
            return;
        }

        string? folder = SourceTree.Root is { } root ? Path.Combine(root, "tests", "servers") : null;
        if (folder is null || !Directory.Exists(Path.Combine(folder, "node_modules")))
        {
            _missing = "no PostgreSQL: npm ci --prefix tests/servers installs one";
            return;
        }

        try
        {
            var start = new ProcessStartInfo("node", [Path.Combine(folder, "postgres.mjs")])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            };
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            _missing = $"no Node.js for PostgreSQL: {failure.Message}";
            return;
        }

        string? port = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.True(int.TryParse(port, out int number), $"the server said '{port}'");
        _server = string.Create(CultureInfo.InvariantCulture, $"postgres://postgres:secret@127.0.0.1:{number}/postgres");
    }

    /// <summary>The address of a table that is not there. Skips the test where there is no server.</summary>
    public async Task<string> NewTableAsync(string name)
    {
        Assert.SkipWhen(_missing is not null, _missing ?? "");
        await ExecuteAsync($"DROP TABLE IF EXISTS {name}");
        return $"{_server}?table={name}";
    }

    /// <summary>Runs a statement.</summary>
    public async Task ExecuteAsync(string statement)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>
    /// Every row of a table in the order of its key, with its vector as the shortest text of the same bits; without the
    /// time of its change.
    /// </summary>
    public async Task<string[]> RowsAsync(string table)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using var command = new NpgsqlCommand(
            $"SELECT id, archive, path, sha256, width, height, embedding::text FROM {table} ORDER BY id", connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(string.Join('|', Enumerable.Range(0, 7).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i))));
        }

        return [.. rows];
    }

    /// <summary>Counts the rows of a table; 0 where there is none.</summary>
    public async Task<long> CountAsync(string table)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM {table}", connection);
        try
        {
            return (long)(await command.ExecuteScalarAsync())!;
        }
        catch (PostgresException failure) when (failure.SqlState == "42P01")
        {
            return 0;
        }
    }

    /// <summary>Opens a table as the library does.</summary>
    public static Task<IVectorStore> OpenStoreAsync(string address) => VectorStores.OpenAsync(StoreAddress.Parse(address));

    /// <summary>Where the server listens.</summary>
    public (string Host, int Port) Place
    {
        get
        {
            var address = StoreAddress.Parse(_server);
            return (address.Host, address.Port);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is null)
            return;
        _process.StandardInput.Close(); // it ends with that
        try
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var address = StoreAddress.Parse(_server);
        var options = new NpgsqlConnectionStringBuilder
        {
            Host = address.Host,
            Port = address.Port,
            Username = address.User,
            Password = address.Password,
            Database = address.Database,
            Pooling = false,
        };
        var builder = new NpgsqlDataSourceBuilder(options.ConnectionString);
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false)); // opened often
        return await builder.Build().OpenConnectionAsync();
    }
}
