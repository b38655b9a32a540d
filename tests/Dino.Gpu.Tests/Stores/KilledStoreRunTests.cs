using System.Diagnostics;
using Dino.Gpu.Stores;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Stores;

/// <summary>
/// A run into a database that is killed again and again leaves the very rows of one that was not.
/// <c>tests/servers/prove.sh</c> runs the long one.
/// </summary>
[Collection(PostgresGroup.Name)]
public sealed class KilledStoreRunTests(PostgresServer server, ITestOutputHelper log) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Two_kills_leave_exactly_the_right_rows() => KillAsync(pictures: StoreSink.RowsAtOnce + 200, kills: 2, [0.3, 0.9, 0.9]);

    [Fact]
    public Task Twenty_kills_of_2000_pictures_leave_exactly_the_right_rows()
    {
        LongTests.Require("twenty kills take minutes");
        var random = new Random(3);
        return KillAsync(pictures: 2000, kills: 20, Enumerable.Repeat(0, 100).Select(_ => random.NextDouble()));
    }

    /// <summary>
    /// Kills a run when a share of the bytes of a whole run has gone to the server: inside a COPY, between a merge and
    /// its COMMIT, while it asks what is there. A later run has less to send; one that ends before its kill has to be
    /// right and counts for none, and the next begins with an empty table again. There are more pictures than one
    /// transaction takes, so a kill near the end leaves some rows.
    /// </summary>
    private async Task KillAsync(int pictures, int kills, IEnumerable<double> shares)
    {
        string table = $"t_kill_{pictures}", whole = $"t_whole_{pictures}";
        string to = await server.NewTableAsync(table), all = await server.NewTableAsync(whole);
        for (int i = 0; i < pictures; i++)
            _folder.Write($"in/{i}.bmp", i % 100 == 7 ? "no picture"u8.ToArray() : KilledRunTests.Bitmap(i));
        string[] index = ["index", _folder.Path("in"), "--weights", CliRunner.TinyWeights, "--device", "cpu", "--to"];
        long bytes;
        using (var proxy = new BreakingProxy(server.Place, long.MaxValue))
        {
            Assert.Equal(3, (await CliRunner.RunAsync([.. index, proxy.Through(all)])).ExitCode);
            bytes = proxy.Passed;
        }

        string[] expected = await server.RowsAsync(whole);
        Assert.Equal(pictures - (pictures + 92) / 100, expected.Length);
        int killed = 0, partial = 0, ended = 0;
        foreach (double share in shares)
        {
            if (killed == kills)
                break;
            using var proxy = new BreakingProxy(server.Place, (long)(share * bytes) + 1, holds: true);
            Process process = CliProcess.StartWithFrameworks([.. index, proxy.Through(to), "--quiet"]);
            await Task.WhenAny(proxy.Reached, process.WaitForExitAsync());
            bool isOver = process.HasExited;
            process.Kill();
            CliResult result = await CliProcess.FinishAsync(process);
            await proxy.CloseAsync();
            string[] rows = await server.CountAsync(table) == 0 ? [] : await server.RowsAsync(table);
            Assert.Subset(expected.ToHashSet(), rows.ToHashSet()); // whole rows of the right pictures
            Assert.Equal(rows.Length, rows.Distinct().Count());
            if (isOver)
            {
                ended++;
                Assert.True(result.ExitCode == 3, result.Error);
                Assert.Equal(expected, rows);
                await server.NewTableAsync(table);
                continue;
            }

            Assert.Equal(137, result.ExitCode);
            killed++;
            partial += rows.Length > 0 && rows.Length < expected.Length ? 1 : 0;
        }

        Assert.Equal(kills, killed);
        Assert.InRange(partial, 1, killed);
        CliResult last = await CliRunner.RunAsync([.. index, to]);
        Assert.True(last.ExitCode == 3, last.Error);
        Assert.Equal(expected, await server.RowsAsync(table));
        Assert.Contains($"0 added, 0 replaced, {expected.Length} unchanged", (await CliRunner.RunAsync([.. index, to])).Error);
        log.WriteLine(
            $"{pictures} pictures, {killed} kills: {partial} left some of the rows, {ended} more runs ended before their kill");
    }
}
