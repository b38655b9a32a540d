using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Cli;

namespace Dino.Gpu.Tests.Server;

/// <summary><c>dino serve</c> with a tiny model, as a process: for what only a process has.</summary>
internal sealed partial class ServeProcess : IDisposable
{
    /// <summary>A loaded machine is slow, a hang is endless.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private readonly Process _process;
    private readonly Task<string> _error;

    private ServeProcess(Process process, Uri address)
    {
        _process = process;
        _error = process.StandardError.ReadToEndAsync();
        Client = new HttpClient { BaseAddress = address, Timeout = Limit };
    }

    public HttpClient Client { get; }

    /// <summary>Starts it on a free port, and waits until it is ready.</summary>
    /// <param name="environment">Variables.</param>
    /// <param name="options">Options of <c>dino serve</c>.</param>
    public static async Task<ServeProcess> StartAsync(IReadOnlyDictionary<string, string>? environment, params string[] options)
    {
        Process process = CliProcess.Start(
            ["serve", "-w", CliRunner.TinyWeights, "--device", "cpu", "--port", "0", .. options], environment);
        var server = new ServeProcess(process, await AddressAsync(process));
        await server.UntilHealthIsAsync(HttpStatusCode.OK);
        return server;
    }

    /// <summary>Waits until <c>/health/ready</c> answers so.</summary>
    public async Task UntilHealthIsAsync(HttpStatusCode status)
    {
        for (long start = Environment.TickCount64; ; await Task.Delay(5))
        {
            if ((await Client.GetAsync("/health/ready")).StatusCode == status)
                return;
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, $"the server's health did not become {status}");
        }
    }

    /// <summary>Sends it SIGTERM, which Windows does not have.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>The exit code, and what it said since it listens.</returns>
    public async Task<(int ExitCode, string Error)> EndAsync()
    {
        await _process.WaitForExitAsync(new CancellationTokenSource(Limit).Token);
        Assert.Empty(await _process.StandardOutput.ReadToEndAsync());
        return (_process.ExitCode, await _error);
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static async Task<Uri> AddressAsync(Process process)
    {
        using var deadline = new CancellationTokenSource(Limit);
        string said = "";
        while (await process.StandardError.ReadLineAsync(deadline.Token) is { } line)
        {
            said += line + '\n';
            if (Listening().Match(line) is { Success: true } match)
                return new Uri(match.Groups[1].Value);
        }

        throw new InvalidOperationException($"the server did not start: {said}");
    }

    [GeneratedRegex(@"listening on (http\S+)")]
    private static partial Regex Listening();
}
