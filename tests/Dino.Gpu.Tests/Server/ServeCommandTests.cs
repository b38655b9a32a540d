using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary><c>dino serve</c> as a command: its options, its end, and how it fails.</summary>
public sealed partial class ServeCommandTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task Signal_ends_it_once_the_requests_under_way_are_answered()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("there are no signals");
        var environment = new Dictionary<string, string> { ["DINO_PORT"] = "0", ["DINO_DRAIN"] = "1", ["DINO_BATCH_DELAY"] = "2000" };
        using Process process = CliProcess.Start(["serve", "-w", CliRunner.TinyWeights, "--device", "cpu"], environment);
        try
        {
            Uri address = await AddressAsync(process);
            using var client = new HttpClient { BaseAddress = address, Timeout = Long };
            for (long start = Environment.TickCount64; ; await Task.Delay(20))
            {
                if ((await client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK)
                    break;
                Assert.True(Environment.TickCount64 - start < Long.TotalMilliseconds);
            }

            byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
            Task<HttpResponseMessage> underWay = client.PostAsync("/embed", new ByteArrayContent(picture)); // for 2 s
            await Task.Delay(200);
            using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]))
                await kill.WaitForExitAsync();

            // For a second, it says no and answers.
            for (long start = Environment.TickCount64; ; await Task.Delay(5))
            {
                if ((await client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.ServiceUnavailable)
                    break;
                Assert.True(Environment.TickCount64 - start < Long.TotalMilliseconds);
            }

            Assert.Equal(HttpStatusCode.OK, (await underWay).StatusCode);
            await process.WaitForExitAsync(new CancellationTokenSource(Long).Token);
            Assert.Equal(0, process.ExitCode);
            Assert.Empty(await process.StandardOutput.ReadToEndAsync());
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
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

    private static byte[] Npy(int columns)
    {
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {columns}), }}".PadRight(117) + '\n';
        return [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[4 * columns - 1], 1];
    }

    private static async Task<Uri> AddressAsync(Process process)
    {
        using var deadline = new CancellationTokenSource(Long);
        while (await process.StandardError.ReadLineAsync(deadline.Token) is { } line)
        {
            if (Listening().Match(line) is { Success: true } match)
                return new Uri(match.Groups[1].Value);
        }

        throw new InvalidOperationException("the server did not start");
    }

    [GeneratedRegex(@"listening on (http\S+)")]
    private static partial Regex Listening();
}
