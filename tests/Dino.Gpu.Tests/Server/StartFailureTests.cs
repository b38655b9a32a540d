using System.Net;
using System.Net.Sockets;
using Dino.Gpu.Server.Hosting;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Tests.Server;

/// <summary>A server that cannot start says why in one line, with the option or the variable to change.</summary>
public sealed class StartFailureTests
{
    private static readonly string[] Serve = ["serve", "-w", CliRunner.TinyWeights, "--device", "cpu", "-q", "--port", "0"];

    [Fact]
    public async Task Port_of_grpc_that_is_taken_is_named()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        CliResult result = await CliRunner.RunAsync([.. Serve, "--grpc-port", $"{port}"]);
        Assert.Contains($"cannot listen on 127.0.0.1:{port}: ", result.FatalLine());
        Assert.Contains("choose another --grpc-port", result.Error);
        result = await CliRunner.RunAsync([.. Serve[..^1], $"{port}"]);
        Assert.Contains($"cannot listen on 127.0.0.1:{port}: ", result.FatalLine());
        Assert.Contains("choose another --port", result.Error);
    }

    [Fact]
    public async Task Address_of_another_machine_is_named()
    {
        CliResult result = await CliRunner.RunAsync([.. Serve, "--host", "203.0.113.7"]);
        Assert.Contains("cannot listen on 203.0.113.7:0: this machine has no such address", result.FatalLine());
        Assert.Contains("--host", result.Error);
    }

    [Fact]
    public async Task One_port_for_both_is_a_usage_error() => Assert.Contains(
        "--grpc-port: expected another port than --port, found 8123",
        (await CliRunner.RunAsync([.. Serve[..^1], "8123", "--grpc-port", "8123"])).UsageLine());

    [Fact]
    public void Port_that_only_an_administrator_may_use_is_named()
    {
        DinoException failure = StartFailure.Of(
            new SocketException((int)SocketError.AccessDenied), new IPEndPoint(IPAddress.Any, 80), Settings);
        Assert.Equal("cannot listen on 0.0.0.0:80: permission denied", failure.Message);
        Assert.Contains("--port, of 1024 or more", failure.Hint);
        failure = StartFailure.Of(new SocketException((int)SocketError.AccessDenied), new IPEndPoint(IPAddress.Any, 81), Settings);
        Assert.Contains("--grpc-port, of 1024 or more", failure.Hint);
    }

    [Fact]
    public async Task Certificate_that_is_missing_or_damaged_is_named()
    {
        using var folder = new TemporaryFolder();
        foreach (string path in (string[])[folder.Path("none.pem"), folder.Write("damaged.pem", "no certificate")])
        {
            CliResult result = await CliProcess.FinishAsync(CliProcess.Start(
                [.. Serve, "--tls"], new Dictionary<string, string> { ["Kestrel__Certificates__Default__Path"] = path }));
            Assert.Contains("ertificate", result.FatalLine());
            Assert.DoesNotContain("listen", result.FatalLine());
            Assert.DoesNotContain("unexpected", result.Error);
            Assert.Contains("Kestrel__Certificates__Default__Path", result.Error);
        }
    }

    [Theory]
    [InlineData("Kestrel__Endpoints__Other__Port", "1", "Kestrel__")]
    [InlineData("Kestrel__Endpoints__Other__Url", "nonsense", "Kestrel__")]
    [InlineData("Kestrel__Limits__MaxConcurrentConnections", "many", "Kestrel__Limits__MaxConcurrentConnections: found 'many'")]
    [InlineData("Logging__LogLevel__Default", "Loud", "Logging__LogLevel__Default: expected Trace, ")]
    public async Task Variable_that_cannot_be_used_is_named(string name, string value, string said)
    {
        CliResult result = await CliProcess.FinishAsync(CliProcess.Start(Serve, new Dictionary<string, string> { [name] = value }));
        Assert.DoesNotContain("unexpected", result.Error);
        Assert.NotEmpty(result.FatalLine());
        Assert.Contains(said, result.Error);
    }

    [Theory]
    [InlineData("MaxConcurrentConnections", "-1")]
    [InlineData("Http2:MaxStreamsPerConnection", "x")]
    [InlineData("KeepAliveTimeout", "soon")]
    public void Limit_that_cannot_be_is_named(string key, string value)
    {
        IConfigurationRoot settings = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Kestrel:Limits:MaxRequestLineSize"] = "8192",
            [$"Kestrel:Limits:{key}"] = value,
        }).Build();
        DinoException failure = Assert.Throws<DinoException>(
            () => DinoServerHost.Limit(new KestrelServerLimits(), settings.GetSection("Kestrel")));
        Assert.StartsWith(
            $"Kestrel__Limits__{key.Replace(":", "__", StringComparison.Ordinal)}: found '{value}': ",
            failure.Message,
            StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    private static HostSettings Settings { get; } = new()
    {
        Address = IPAddress.Any,
        Port = 80,
        GrpcPort = 81,
        Load = () => throw new NotSupportedException(),
        Configure = _ => { },
        Log = (LogLevel _, string _) => { },
        Listening = _ => { },
    };
}
