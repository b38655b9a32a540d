using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// A hub on 127.0.0.1: the resolve address redirects and announces size and hash, the storage address sends the bytes.
/// Every way in which a hub or a line can fail is a property.
/// </summary>
internal sealed class HubServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private byte[] _content;
    private int _cutsLeft;

    public HubServer(byte[] content)
    {
        _content = content;
        AnnouncedSize = content.Length;
        AnnouncedHash = Convert.ToHexStringLower(SHA256.HashData(content));
        _listener.Start();
        Endpoint = $"http://{_listener.LocalEndpoint}";
        _ = AcceptAsync();
    }

    public string Endpoint { get; }

    public long? AnnouncedSize { get; init; }

    public string? AnnouncedHash { get; set; }

    /// <summary>What the file becomes once a connection was cut; null for the same.</summary>
    public byte[]? Later { get; init; }

    /// <summary>
    /// Whether the storage address is absolute, as the hub's content network, or relative, as its renamed repositories.
    /// </summary>
    public bool AbsoluteRedirect { get; init; }

    public string? RedirectTo { get; init; }

    public bool IgnoresRange { get; init; }

    /// <summary>Bytes that a cut connection delivers.</summary>
    public int CutAfter { get; init; }

    /// <summary>Connections that are cut; int.MaxValue for all.</summary>
    public int Cuts { init => _cutsLeft = value; }

    /// <summary>Status of the first answers of the resolve address, before it behaves.</summary>
    public ConcurrentQueue<int> Failures { get; } = new();

    /// <summary>Status of every answer of the storage address; 0 for the right one.</summary>
    public int StorageStatus { get; init; }

    /// <summary>The body without its length, ended by closing, with this much appended.</summary>
    public byte[]? Appended { get; init; }

    /// <summary>Whether the storage stops in the middle without closing.</summary>
    public bool Stalls { get; init; }

    /// <summary>Authorization of every request; empty where there is none.</summary>
    public ConcurrentQueue<string> Tokens { get; } = new();

    /// <summary>Address and Range of every request.</summary>
    public ConcurrentQueue<(string Address, string? Range)> Requests { get; } = new();

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, leaveOpen: true);
                string address = (await reader.ReadLineAsync())!.Split(' ')[1];
                string? range = null;
                string token = "";
                while (await reader.ReadLineAsync() is { Length: > 0 } line)
                {
                    if (line.StartsWith("Range: ", StringComparison.OrdinalIgnoreCase)) range = line[7..];
                    if (line.StartsWith("Authorization: ", StringComparison.OrdinalIgnoreCase)) token = line[15..];
                }

                Requests.Enqueue((address, range));
                Tokens.Enqueue(token);
                if (address.Contains("/resolve/", StringComparison.Ordinal)) await RedirectAsync(stream);
                else await SendAsync(stream, range);
            }
            catch (IOException)
            {
                // The client hung up, which some tests want.
            }
        }
    }

    private async Task RedirectAsync(NetworkStream stream)
    {
        if (Failures.TryDequeue(out int status))
        {
            await WriteHeadAsync(stream, status, ["Content-Length: 0"]);
            return;
        }

        var headers =
            new List<string> { "Content-Length: 0", $"Location: {RedirectTo ?? (AbsoluteRedirect ? Endpoint : "") + "/storage/file"}" };
        if (AnnouncedSize is { } size) headers.Add(string.Create(CultureInfo.InvariantCulture, $"X-Linked-Size: {size}"));
        if (AnnouncedHash is { } hash) headers.Add($"X-Linked-Etag: \"{hash}\"");
        await WriteHeadAsync(stream, 302, headers);
    }

    private async Task SendAsync(NetworkStream stream, string? range)
    {
        if (StorageStatus != 0)
        {
            await WriteHeadAsync(stream, StorageStatus, ["Content-Length: 0"]);
            return;
        }

        int from = range is null || IgnoresRange ? 0 : int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
        if (from >= _content.Length)
        {
            await WriteHeadAsync(stream, 416, ["Content-Length: 0"]);
            return;
        }

        var headers = new List<string>();
        if (Appended is null) headers.Add($"Content-Length: {_content.Length - from}");
        if (range is not null && !IgnoresRange) headers.Add($"Content-Range: bytes {from}-{_content.Length - 1}/{_content.Length}");
        await WriteHeadAsync(stream, range is null || IgnoresRange ? 200 : 206, headers);
        bool cut = Interlocked.Decrement(ref _cutsLeft) >= 0;
        int length = cut || Stalls ? Math.Min(CutAfter, _content.Length - from) : _content.Length - from;
        await stream.WriteAsync(_content.AsMemory(from, length));
        if (Appended is not null) await stream.WriteAsync(Appended);
        if (Stalls) await Task.Delay(TimeSpan.FromSeconds(30));
        if (!cut || Later is null) return;
        _content = Later;
        AnnouncedHash = Convert.ToHexStringLower(SHA256.HashData(Later));
    }

    private static async Task WriteHeadAsync(NetworkStream stream, int status, IEnumerable<string> headers)
    {
        string head = $"HTTP/1.1 {status} Status\r\n{string.Concat(headers.Select(header => header + "\r\n"))}Connection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
    }
}
