using System.Net;
using System.Text;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Server.Hosting;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary><c>dino serve</c> as a command: its options, its end, and how it fails.</summary>
public sealed class ServeCommandTests
{
    [Fact]
    public async Task Signal_ends_it_once_the_requests_under_way_are_answered()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("there are no signals");
        using ServeProcess server = await ServeProcess.StartAsync(
            new Dictionary<string, string> { ["DINO_DRAIN"] = "1", ["DINO_BATCH_DELAY"] = "2000" });
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        Task<HttpResponseMessage> underWay = server.Client.PostAsync("/embed", new ByteArrayContent(picture)); // for 2 s
        await Task.Delay(200);
        await server.TerminateAsync();
        await server.UntilHealthIsAsync(HttpStatusCode.ServiceUnavailable); // for a second, it says no and answers
        Assert.Equal(HttpStatusCode.OK, (await underWay).StatusCode);
        Assert.Equal(0, (await server.EndAsync()).ExitCode);
    }

    /// <summary>
    /// A page elsewhere whose name is made to mean this machine must not reach the server; but names may be given.
    /// </summary>
    [Theory]
    [InlineData(null, "127.0.0.1", HttpStatusCode.OK)]
    [InlineData(null, "localhost", HttpStatusCode.OK)]
    [InlineData(null, "evil.example", HttpStatusCode.BadRequest)]
    [InlineData("photos.example,127.0.0.1", "photos.example", HttpStatusCode.OK)]
    [InlineData("photos.example,127.0.0.1", "localhost", HttpStatusCode.BadRequest)]
    public async Task Clients_call_it_by_its_own_names_or_those_given(string? given, string host, HttpStatusCode status)
    {
        Dictionary<string, string> environment = [];
        if (given is not null)
            environment.Add("DINO_ALLOWED_HOSTS", given);
        using ServeProcess server = await ServeProcess.StartAsync(environment, "--no-page");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/info") { Headers = { Host = host } };
        Assert.Equal(status, (await server.Client.SendAsync(request)).StatusCode);
    }

    [Theory]
    [InlineData("--host: expected an address", "--host", "example.org")]
    [InlineData("--port: expected a whole number", "--port", "65536")]
    [InlineData("--pictures shows those of an index", "--pictures", ".")]
    [InlineData("--read-only is for an index", "--read-only")]
    [InlineData("--max-items: expected at most --queue, 10, found 11", "--max-items", "11", "--queue", "10")]
    [InlineData("--allow-urls: expected names of hosts", "--allow-urls", "http://example.org/")]
    public async Task Wrong_options_are_usage_errors(string message, params string[] options) =>
        Assert.Contains(message, (await CliRunner.RunAsync(["serve", "-w", CliRunner.TinyWeights, .. options])).UsageLine());

    [Theory]
    [InlineData("127.0.0.1", "localhost", "127.0.0.1", "[::1]")]
    [InlineData("127.0.0.2", "localhost", "127.0.0.1", "[::1]", "127.0.0.2")]
    [InlineData("::1", "localhost", "127.0.0.1", "[::1]")]
    [InlineData("0.0.0.0")]
    public void Address_that_only_this_machine_reaches_answers_to_its_own_names(string address, params string[] names) =>
        Assert.Equal(names, ServeJob.OwnNamesOf(IPAddress.Parse(address)));

    [Fact]
    public async Task What_cannot_be_used_is_one_line()
    {
        using var folder = new TemporaryFolder();
        string empty = folder.Write("empty.txt", "# no key\n");
        string wrong = folder.Write("wrong.npy", Npy(3));
        foreach ((string message, string[] options) in (IEnumerable<(string, string[])>)
            [
                ("no such file", ["--index", folder.Path("none.npz")]),
                ("expected one key a line", ["--api-key-file", empty]),
                ("the index was made differently (48 and 3 values)", ["--index", wrong]),
                ("--tls: ", ["--tls"]),
            ])
        {
            CliResult result = await CliRunner.RunAsync(
                ["serve", "-w", CliRunner.TinyWeights, "--device", "cpu", "--port", "0", "-q", .. options]);
            Assert.Contains(message, result.FatalLine());
        }

        using var taken = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = $"{((IPEndPoint)taken.LocalEndpoint).Port}";
        Assert.Contains(
            "cannot listen on 127.0.0.1",
            (await CliRunner.RunAsync(["serve", "-w", CliRunner.TinyWeights, "--device", "cpu", "--port", port, "-q"])).FatalLine());
    }

    /// <summary>However early: the server may not listen yet, or may be about to.</summary>
    [Fact]
    public async Task A_model_that_fails_at_once_is_named()
    {
        for (int i = 0; i < 20; i++)
        {
            var settings = new HostSettings
            {
                Address = IPAddress.Loopback,
                Port = 0,
                Load = () => throw new DinoException("no such weights"),
                Configure = options => { },
                Log = (_, _) => { },
                Listening = _ => { },
            };
            Assert.Equal(
                "no such weights",
                (await Assert.ThrowsAsync<DinoException>(() => DinoServerHost.RunAsync(settings, CancellationToken.None))).Message);
        }
    }

    private static byte[] Npy(int columns)
    {
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {columns}), }}".PadRight(117) + '\n';
        return [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[4 * columns - 1], 1];
    }
}
