using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server.Page;

/// <summary>
/// A headless Chromium, driven by the DevTools protocol: messages of JSON over one WebSocket, each answer with the
/// number of its question. It reaches nothing but this machine.
/// </summary>
public sealed class Chromium : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];

    private static readonly string[] Arguments =
    [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
        "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-port=0", "about:blank",
    ];

    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonObject>> _waiting = new();
    private readonly ConcurrentDictionary<string, Action<string, JsonObject>> _listeners = new(); // by session
    private readonly TemporaryFolder _profile = new();
    private Task? _starting;
    private Process? _process;
    private Task? _receiving;
    private int _lastId;

    /// <summary>The program; null where there is none.</summary>
    public static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator)
        .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>Skips the test where there is no Chromium.</summary>
    public static void Require() => Assert.SkipWhen(Program is null, "no Chromium is installed: apt-get install chromium");

    /// <summary>Starts it, unless it runs.</summary>
    public Task StartAsync() => _starting ??= StartOnceAsync();

    /// <summary>Sends a command and waits for its result.</summary>
    /// <param name="method">Such as <c>Page.navigate</c>.</param>
    /// <param name="parameters">Its parameters; null for none.</param>
    /// <param name="session">The page; null for the browser itself.</param>
    public async Task<JsonObject> SendAsync(string method, JsonObject? parameters = null, string? session = null)
    {
        int id = Interlocked.Increment(ref _lastId);
        var answer = new TaskCompletionSource<JsonObject>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        if (session is not null)
            message["sessionId"] = session;
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(message.ToJsonString());
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(bytes, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }

        JsonObject result = await answer.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return result["error"] is { } error
            ? throw new InvalidOperationException($"{method}: {error["message"]}")
            : result["result"]!.AsObject();
    }

    /// <summary>Hands the events of a page to a listener.</summary>
    public void Listen(string session, Action<string, JsonObject> listener) => _listeners[session] = listener;

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
            if (_receiving is not null)
                await _receiving;
        }

        _socket.Dispose();
        _sending.Dispose();
        _profile.Dispose();
    }

    private async Task StartOnceAsync()
    {
        var start = new ProcessStartInfo(Program!, [.. Arguments, $"--user-data-dir={_profile.Root}"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(StartLimit);
        await _socket.ConnectAsync(await AddressAsync(_process, limit.Token), limit.Token);
        _receiving = ReceiveAsync();

        // A full pipe would stop it.
        _ = _process.StandardError.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
    }

    private static async Task<Uri> AddressAsync(Process process, CancellationToken cancellation)
    {
        const string Announcement = "DevTools listening on ";
        var seen = new System.Text.StringBuilder();
        while (await process.StandardError.ReadLineAsync(cancellation) is { } line)
        {
            if (line.StartsWith(Announcement, StringComparison.Ordinal))
                return new Uri(line[Announcement.Length..]);
            seen.AppendLine(line);
        }

        throw new InvalidOperationException($"Chromium did not start:\n{seen}");
    }

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[1 << 16];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                WebSocketReceiveResult part = await _socket.ReceiveAsync(buffer, CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    break;
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage)
                    continue;
                Dispatch(JsonNode.Parse(message.GetBuffer().AsSpan(0, (int)message.Length))!.AsObject());
                message.SetLength(0);
            }
        }
        catch (WebSocketException)
        {
            // It was ended.
        }

        foreach (TaskCompletionSource<JsonObject> answer in _waiting.Values)
            answer.TrySetException(new InvalidOperationException("Chromium ended"));
    }

    private void Dispatch(JsonObject message)
    {
        if (message["id"] is { } id)
        {
            if (_waiting.TryRemove((int)id, out TaskCompletionSource<JsonObject>? answer))
                answer.SetResult(message);
        }
        else if (message["sessionId"] is { } session && _listeners.TryGetValue((string)session!, out Action<string, JsonObject>? listener))
        {
            listener((string)message["method"]!, message["params"]!.AsObject());
        }
    }
}
