using System.Net;
using System.Net.Sockets;
using System.Text;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Server;
using Dino.Gpu.Server.Hosting;
using Dino.Gpu.Tests.Cli;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Tests.Server;

/// <summary>What <c>dino serve</c> runs, with a tiny model, on a free port of this machine.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(120);

    private readonly WebApplication _app;

    private TestServer(WebApplication app)
    {
        _app = app;
        Uri[] addresses = [.. app.Urls.Select(url => new Uri(url))];
        Client = new HttpClient { BaseAddress = addresses[0], Timeout = Long };
        GrpcAddress = addresses[^1];
    }

    /// <summary>How the model is loaded, here and by the commands that it is compared with.</summary>
    public static DinoOptions Model { get; } = new() { Device = "cpu", Threads = 2, Decoder = new SkiaImageDecoder() };

    public HttpClient Client { get; }

    public Uri GrpcAddress { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Starts a server and waits until it is ready.</summary>
    /// <param name="configure">Changes the options.</param>
    /// <param name="model">Changes how the model is loaded.</param>
    /// <param name="log">Told what it logs.</param>
    public static async Task<TestServer> StartAsync(
        Action<DinoServerOptions>? configure = null,
        Func<DinoOptions, DinoOptions>? model = null,
        Action<LogLevel, string>? log = null)
    {
        WebApplication app = DinoServerHost.Build(new HostSettings
        {
            Address = IPAddress.Loopback,
            Port = 0,
            GrpcPort = 0,
            HostNames = ["localhost", "127.0.0.1"],
            Load = () => DinoEncoderGroup.Load(CliRunner.TinyWeights, model?.Invoke(Model) ?? Model),
            Configure = options =>
            {
                options.ModelId = "tiny";
                configure?.Invoke(options);
            },
            Log = log ?? ((_, _) => { }),
            Listening = _ => { },
        });
        await app.StartAsync();
        var server = new TestServer(app);
        for (long start = Environment.TickCount64; ; await Task.Delay(5))
        {
            HttpResponseMessage answer = await server.Client.GetAsync("/health/ready");
            if (answer.StatusCode == HttpStatusCode.OK)
                return server;
            Assert.True(Environment.TickCount64 - start < Long.TotalMilliseconds, "the server did not become ready");
        }
    }

    /// <summary>
    /// Sends bytes as they are, and reads what comes until the server closes. A server that closes while bytes are under
    /// way to it resets the connection, and its answer may be lost: then it is asked again.
    /// </summary>
    /// <param name="head">The beginning.</param>
    /// <param name="then">Writes more; null for nothing.</param>
    /// <returns>Empty if there never was an answer.</returns>
    public Task<string> RawAsync(string head, Func<NetworkStream, Task>? then = null) => AskAsync(head, then, toEnd: false);

    /// <summary>
    /// Does the same as <see cref="RawAsync"/>, and reads all that comes until the server has closed the connection,
    /// behind the end of an answer, too.
    /// </summary>
    /// <exception cref="OperationCanceledException">The server leaves the connection open.</exception>
    public Task<string> RawToEndAsync(string head, Func<NetworkStream, Task>? then = null) => AskAsync(head, then, toEnd: true);

    /// <summary>Stops it as a signal does.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    private async Task<string> AskAsync(string head, Func<NetworkStream, Task>? then, bool toEnd)
    {
        string answer = "";
        for (int attempt = 0; attempt < 10 && answer.Length == 0; attempt++)
            answer = await OnceAsync(head, then, toEnd);
        return answer;
    }

    private async Task<string> OnceAsync(string head, Func<NetworkStream, Task>? then, bool toEnd)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(Client.BaseAddress!.Host, Client.BaseAddress.Port);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(head));
        Task writing = then is null ? Task.CompletedTask : Task.Run(() => then(stream));
        using var limit = new CancellationTokenSource(Long);
        var answer = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            // Up to the end of the JSON, in chunks or not, unless what comes behind it is of interest.
            while (toEnd || !answer.ToString().TrimEnd().EndsWith('}'))
            {
                int read = await stream.ReadAsync(buffer, limit.Token);
                if (read == 0)
                    break;
                answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
                string said = answer.ToString();
                bool isEmpty = said.EndsWith("\r\n\r\n", StringComparison.Ordinal) && said.Contains("Content-Length: 0");
                if ((isEmpty || said.EndsWith("}\r\n0\r\n\r\n", StringComparison.Ordinal)) && !toEnd)
                    break;
            }
        }
        catch (IOException)
        {
            // closed while we still write
        }

        socket.Close();
        await writing.ContinueWith(_ => { }, TaskScheduler.Default);
        return answer.ToString();
    }
}
