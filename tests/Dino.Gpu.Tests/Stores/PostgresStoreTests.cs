using System.Net;
using System.Net.Sockets;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Stores;
using Dino.Gpu.Stores.Postgres;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Stores;

/// <summary>
/// <c>dino index --to postgres://...</c> and <c>dino search postgres://...</c>, against a real server.
/// </summary>
[Collection(PostgresGroup.Name)]
public sealed class PostgresStoreTests(PostgresServer server) : IDisposable
{
    private static readonly string[] Model = ["--weights", CliRunner.TinyWeights, "--device", "cpu"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_search_in_a_table_finds_what_a_search_in_a_file_finds()
    {
        string to = await server.NewTableAsync("t_search"), file = _folder.Path("photos.npz");
        string images = GoldenData.PathOf("images");
        await SuccessAsync(["index", images, "--to", to, .. Model]);
        await SuccessAsync(["index", images, "-o", file, .. Model]);
        // Indexes that answer no search for the cosine, or not one of all rows: it stays exact.
        await server.ExecuteAsync("CREATE INDEX ON t_search USING hnsw (embedding vector_l2_ops)");
        await server.ExecuteAsync("CREATE INDEX ON t_search USING hnsw (embedding vector_cosine_ops) WHERE width > 100000");
        await server.ExecuteAsync("CREATE INDEX t_lists ON t_search USING ivfflat (embedding vector_cosine_ops) WITH (lists = 3)");
        string[] query = [GoldenData.Image("chelsea.png"), GoldenData.Image("gray.png"), "-k", "4", .. Model];
        string expected = (await CliRunner.RunAsync(["search", file, .. query])).Output;
        CliResult exact = await CliRunner.RunAsync(["search", to, .. query]);
        Assert.Equal(expected, exact.Output);
        Assert.DoesNotContain("HNSW", exact.Error);
        string[] self = ["--exclude-self", "--json"];
        CliResult without = await CliRunner.RunAsync(["search", to, .. query, .. self]);
        Assert.DoesNotContain("\"score\":1,", without.Output);
        Assert.DoesNotContain("neighbours\":[{\"rank\":1,\"row\"", without.Output); // a row of a table has no number
        Assert.Equal(4, without.OutputLines[0].Split("rank").Length - 1);

        // The graph of so few rows has all of them.
        await server.ExecuteAsync("DROP INDEX t_lists");
        Assert.Contains("0 added", (await SuccessAsync(["index", images, "--to", to, "--hnsw", .. Model])).Error);
        CliResult graph = await CliRunner.RunAsync(["search", to, .. query, "--html", _folder.Path("found.html")]);
        Assert.Equal(expected, graph.Output);
        Assert.Contains("HNSW graph, which may miss", graph.Error);
        Assert.Contains("t_search", await File.ReadAllTextAsync(_folder.Path("found.html")));
    }

    /// <summary>The first run into a database makes the extension, too.</summary>
    [Fact]
    public async Task A_database_without_the_extension_gets_it()
    {
        string to = await server.NewTableAsync("t_extension");
        await server.ExecuteAsync("DROP EXTENSION IF EXISTS vector CASCADE"); // the tables of other tests are done with
        await SuccessAsync(["index", GoldenData.Image("gray.png"), "--to", to, .. Model]);
        Assert.Equal(1, await server.CountAsync("t_extension"));

        // Two first runs at once: the slower one connected before there was an extension, and finds it made.
        string both = await server.NewTableAsync("t_both");
        await server.ExecuteAsync("DROP EXTENSION vector CASCADE");
        await using IVectorStore first = await PostgresServer.OpenStoreAsync(both), second = await PostgresServer.OpenStoreAsync(both);
        await first.PrepareAsync(2, null);
        await second.PrepareAsync(2, null);
        Assert.Equal(new StoreWrite(1, 0), await first.WriteAsync([new StoredVector(new StoredPicture("a.jpg"), new float[] { 1, 0 })]));
        Assert.Equal(new StoreWrite(1, 0), await second.WriteAsync([new StoredVector(new StoredPicture("b.jpg"), new float[] { 0, 1 })]));
    }

    /// <summary>New, changed, unreadable and vanished pictures, each with its row.</summary>
    [Fact]
    public async Task A_table_is_brought_up_to_date()
    {
        string to = await server.NewTableAsync("t_update"), log = _folder.Path("errors.jsonl");
        foreach (int i in Enumerable.Range(0, 6))
            _folder.Write($"in/{i}.bmp", KilledRunTests.Bitmap(i));
        string[] index = ["index", _folder.Path("in"), "--to", to, .. Model];
        Assert.Contains("6 added, 0 replaced, 0 unchanged", (await SuccessAsync(index)).Error);
        string[] before = await server.RowsAsync("t_update");
        Assert.Contains("0 added, 0 replaced, 6 unchanged", (await SuccessAsync(index)).Error);
        Assert.Equal(before, await server.RowsAsync("t_update"));

        _folder.Write("in/1.bmp", KilledRunTests.Bitmap(100));
        _folder.Write("in/2.bmp", "no picture");
        File.Delete(_folder.Path("in", "3.bmp"));
        _folder.Write("in/7.bmp", KilledRunTests.Bitmap(7));
        CliResult second = await CliRunner.RunAsync([.. index, "--errors", log]);
        Assert.Equal(3, second.ExitCode);
        Assert.Contains("1 added, 1 replaced, 3 unchanged, 1 failed", second.Error);
        Assert.Contains("2.bmp", Assert.Single(await File.ReadAllLinesAsync(log)));
        string[] after = await server.RowsAsync("t_update");
        Assert.Equal(7, after.Length); // the rows of 2 and 3 stay
        Assert.Equal(5, before.Intersect(after).Count());

        CliResult pruned = await CliRunner.RunAsync([.. index, "--prune"]);
        Assert.Contains("0 added, 0 replaced, 5 unchanged, 1 failed, 1 deleted", pruned.Error);
        Assert.DoesNotContain(await server.RowsAsync("t_update"), row => row.Contains("3.bmp", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Embeddings_of_files_and_archives_become_the_rows_of_their_pictures()
    {
        string to = await server.NewTableAsync("t_images"), gathered = await server.NewTableAsync("t_gathered");
        string images = GoldenData.PathOf("images"), file = _folder.Path("photos.npz");
        await SuccessAsync(["index", images, "--to", to, .. Model]);
        await SuccessAsync(["index", images, "-o", file, .. Model]);
        string[] rows = await server.RowsAsync("t_images");
        Assert.Contains($"{rows.Length} added", (await SuccessAsync(["index", file, "--to", gathered])).Error);
        Assert.Equal(rows, await server.RowsAsync("t_gathered"));
        Assert.Contains($"0 added, 0 replaced, {rows.Length} unchanged", (await SuccessAsync(["index", file, "--to", gathered])).Error);

        await SuccessAsync(["embed", images, "-o", _folder.Path("bare.npy"), .. Model]);
        Assert.Contains(StoreRun.NoPaths, (await CliRunner.RunAsync("index", _folder.Path("bare.npy"), "--to",
            await server.NewTableAsync("t_bare"))).FatalLine());

        string tar = _folder.Path("some.tar");
        System.Formats.Tar.TarFile.CreateFromDirectory(images, tar, includeBaseDirectory: false);
        await SuccessAsync(["index", tar, "--to", await server.NewTableAsync("t_tar"), .. Model]);
        Assert.All(await server.RowsAsync("t_tar"), row => Assert.Contains($"|{tar}|", row));
    }

    /// <summary>A row without a vector names its picture all the same.</summary>
    [Fact]
    public async Task Embeddings_with_a_failed_row_do_not_prune_its_picture()
    {
        string to = await server.NewTableAsync("t_pruned"), file = _folder.Path("photos.npz");
        foreach (int i in Enumerable.Range(0, 3))
            _folder.Write($"in/{i}.bmp", KilledRunTests.Bitmap(i));
        await SuccessAsync(["index", _folder.Path("in"), "--to", to, .. Model]);
        string[] before = await server.RowsAsync("t_pruned");
        _folder.Write("in/1.bmp", "no picture");
        File.Delete(_folder.Path("in", "2.bmp"));
        Assert.Equal(3, (await CliRunner.RunAsync(["embed", _folder.Path("in"), "-o", file, "--sha256", .. Model])).ExitCode);
        CliResult pruned = await SuccessAsync(["index", file, "--to", to, "--prune"]);
        Assert.Contains("0 added, 0 replaced, 1 unchanged, 1 failed, 1 deleted", pruned.Error);
        Assert.Equal(before.Where(row => !row.Contains("2.bmp", StringComparison.Ordinal)), await server.RowsAsync("t_pruned"));
    }

    [Fact]
    public async Task Vectors_that_were_made_differently_and_other_tables_are_refused()
    {
        string to = await server.NewTableAsync("t_model");
        string image = GoldenData.Image("gray.png");
        await SuccessAsync(["index", image, "--to", to, .. Model]);
        string[] before = await server.RowsAsync("t_model");
        CliResult mean = await CliRunner.RunAsync(["index", image, "--to", to, "--output", "mean", .. Model]);
        Assert.Contains(StoreContents.MadeDifferently, mean.FatalLine());
        Assert.Contains("has vectors of 48 values (expected 96)",
            (await CliRunner.RunAsync(["index", image, "--to", to, "--output", "cls+mean", .. Model])).FatalLine());
        Assert.Contains(
            "were made differently", (await CliRunner.RunAsync(["search", to, image, "--output", "mean", .. Model])).FatalLine());
        Assert.Equal(before, await server.RowsAsync("t_model"));

        string other = await server.NewTableAsync("t_other");
        Assert.Contains("no such table", (await CliRunner.RunAsync(["search", other, image, .. Model])).FatalLine());
        await server.ExecuteAsync("CREATE TABLE t_other (id integer)");
        Assert.Contains(PostgresStore.NotOurs, (await CliRunner.RunAsync(["index", image, "--to", other, .. Model])).FatalLine());
    }

    /// <summary>The last of several rows of one picture stays, and one writer does not disturb another.</summary>
    [Fact]
    public async Task Writes_are_whole_and_idempotent()
    {
        string to = await server.NewTableAsync("t_write");
        await using IVectorStore store = await PostgresServer.OpenStoreAsync(to), second = await PostgresServer.OpenStoreAsync(to);
        Assert.Null(store.Contents);
        await store.PrepareAsync(3, null);
        await second.PrepareAsync(3, null);
        StoredVector[] rows =
        [
            new(new StoredPicture("a.jpg") { Sha256 = "1" }, new float[] { 1, 0, 0 }),
            new(new StoredPicture("o'b\\é\uD800\0.jpg", "x.tar"), new float[] { 0, 1, 0 }),
            new(new StoredPicture("a.jpg") { Sha256 = "2" }, new float[] { 0, 0, 1 }),
        ];
        var row = new RowInfo { Row = 0, Path = rows[1].Picture.Path, Archive = "x.tar" };
        rows[1] = rows[1] with { Picture = StoredPicture.Of(row) };
        Assert.Equal(new StoreWrite(2, 0), await store.WriteAsync(rows));
        Assert.Equal(new StoreWrite(0, 0), await second.WriteAsync(rows[1..]));
        Assert.Equal(new StoreWrite(0, 1), await second.WriteAsync(rows[..1]));
        Assert.Equal(2, await store.CountAsync());
        IReadOnlyDictionary<Guid, string?> digests = await store.DigestsAsync([rows[0].Picture.Id, Guid.NewGuid(), rows[1].Picture.Id]);
        Assert.Equal([("1", true), (null, true)], [.. new[] { 0, 1 }.Select(i => (digests[rows[i].Picture.Id], digests.Count == 2))]);
        IReadOnlyList<StoreHit> hits = await store.SearchAsync(new float[] { 2, 1, 0 }, 5);
        Assert.Equal(["a.jpg", rows[1].Picture.Path], hits.Select(hit => hit.Picture.Path));
        Assert.Equal(2 / Math.Sqrt(5), hits[0].Score, 12);

        // A row that the server refuses costs the whole write, and the connection goes on.
        StoredVector[] wrong =
            [new(new StoredPicture("b.jpg"), new float[] { 1, 2, 3 }), new(new StoredPicture("c.jpg"), new float[] { 1 })];
        await Assert.ThrowsAsync<DinoException>(() => store.WriteAsync(wrong));
        Assert.Equal(2, await store.CountAsync());
        Assert.Equal(1, await store.KeepOnlyAsync([rows[0].Picture.Id]));
        Assert.Equal(1, await second.CountAsync());
    }

    /// <summary>Cut off in the middle of a run, in its second transaction, the same command ends it.</summary>
    [Fact]
    public async Task A_server_that_goes_away_is_said_in_one_line_and_nothing_is_lost()
    {
        const int Pictures = StoreSink.RowsAtOnce + 100;
        string direct = await server.NewTableAsync("t_cut"), whole = await server.NewTableAsync("t_uncut");
        foreach (int i in Enumerable.Range(0, Pictures))
            _folder.Write($"in/{i}.bmp", KilledRunTests.Bitmap(i));
        long bytes;
        using (var proxy = new BreakingProxy(server.Place, long.MaxValue))
        {
            await SuccessAsync(["index", _folder.Path("in"), "--to", proxy.Through(whole), .. Model]);
            bytes = proxy.Passed;
        }

        using (var proxy = new BreakingProxy(server.Place, bytes * 95 / 100))
        {
            string line = (await CliRunner.RunAsync(["index", _folder.Path("in"), "--to", proxy.Through(direct), .. Model])).FatalLine();
            Assert.Contains(PostgresFailure.Lost, line);
            Assert.Contains("run the same command again", line);
        }

        string[] some = await server.RowsAsync("t_cut");
        Assert.InRange(some.Length, 1, Pictures - 1); // some of the run's rows, and whole ones
        Assert.Subset((await server.RowsAsync("t_uncut")).ToHashSet(), some.ToHashSet());
        CliResult again = await SuccessAsync(["index", _folder.Path("in"), "--to", direct, .. Model]);
        Assert.Contains($"{Pictures - some.Length} added, 0 replaced, {some.Length} unchanged", again.Error);
        Assert.Equal(await server.RowsAsync("t_uncut"), await server.RowsAsync("t_cut"));
    }

    [Theory]
    [InlineData("28P01", "password authentication failed for user \"me\"", PostgresFailure.Refused)]
    [InlineData("3D000", "database \"gallery\" does not exist", "there is no database 'gallery'")]
    [InlineData("53300", "sorry, too many clients already", "too many clients")]
    public async Task A_server_that_refuses_is_said_without_the_password(string state, string message, string expected)
    {
        using var refusing = new RefusingServer(state, message);
        string to = $"postgres://me:hidden@127.0.0.1:{refusing.Port}/gallery";
        CliResult result = await CliRunner.RunAsync(["index", "photos", "--to", to, .. Model]);
        Assert.Contains(expected, result.FatalLine());
        Assert.Equal(2, result.ErrorLines.Length);
        Assert.DoesNotContain("hidden", (await CliRunner.RunAsync(["search", to, "photos", "--verbose", .. Model])).Error + result.Error);
    }

    [Fact]
    public async Task No_server_is_said_in_one_line()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        string to = $"postgres://me:hidden@127.0.0.1:{port}/gallery";
        string line = (await CliRunner.RunAsync(["index", "photos", "--to", to, .. Model])).FatalLine();
        Assert.Contains($"{PostgresFailure.NoServer} 127.0.0.1:{port}", line);
        Assert.DoesNotContain("hidden", line);
    }

    private static async Task<CliResult> SuccessAsync(string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }
}
