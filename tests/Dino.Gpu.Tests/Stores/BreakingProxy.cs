using System.Net;
using System.Net.Sockets;

namespace Dino.Gpu.Tests.Stores;

/// <summary>
/// Stands between one client and a server. After some bytes of the client it closes both sides, or passes nothing more
/// on until the client is gone.
/// </summary>
internal sealed class BreakingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly (string Host, int Port) _server;
    private readonly Task _serving;
    private long _passed;

    /// <param name="server">Where the client's bytes go.</param>
    /// <param name="bytes">The most that go there.</param>
    /// <param name="holds">Whether the client is kept waiting then; else both sides are closed.</param>
    public BreakingProxy((string Host, int Port) server, long bytes, bool holds = false)
    {
        _server = server;
        _listener.Start();
        _serving = ServeAsync(bytes, holds);
    }

    /// <summary>An address of the server as one of the proxy.</summary>
    public string Through(string address) => address.Replace(
        $"{_server.Host}:{_server.Port}", $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}", StringComparison.Ordinal);

    /// <summary>Bytes of the client that went to the server.</summary>
    public long Passed => Interlocked.Read(ref _passed);

    /// <summary>Ends when the most bytes have passed.</summary>
    public Task Reached => _reached.Task;

    /// <summary>Closes both sides, if they are not.</summary>
    public Task CloseAsync()
    {
        _end.Cancel();
        return _serving;
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task ServeAsync(long bytes, bool holds)
    {
        try
        {
            using TcpClient client = await _listener.AcceptTcpClientAsync(_end.Token);
            using var other = new TcpClient(_server.Host, _server.Port);
            NetworkStream near = client.GetStream(), far = other.GetStream();
            Task back = far.CopyToAsync(near, _end.Token);
            byte[] buffer = new byte[1 << 12];
            for (int read; (read = await near.ReadAsync(buffer, _end.Token)) > 0;)
            {
                int passed = (int)Math.Min(read, bytes - Passed);
                await far.WriteAsync(buffer.AsMemory(0, passed), _end.Token);
                if (Interlocked.Add(ref _passed, passed) < bytes)
                    continue;
                _reached.TrySetResult();
                if (!holds)
                    return;
            }
        }
        catch (Exception failure) when (failure is IOException or SocketException or OperationCanceledException)
        {
            // a side is gone
        }
    }
}
