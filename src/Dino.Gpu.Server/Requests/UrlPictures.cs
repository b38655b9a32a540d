using System.Net;
using System.Net.Sockets;

namespace Dino.Gpu.Server.Requests;

/// <summary>
/// Fetches pictures from the hosts that the server's owner names, and from nowhere else: no redirect is followed, no
/// private address is connected to whatever the name resolves to, and size and time are limited.
/// </summary>
internal sealed class UrlPictures : IDisposable
{
    private const string NotAllowed = "url_not_allowed";
    private const string Failed = "url_failed";

    private readonly DinoServerOptions _options;
    private readonly HttpClient _client;

    public UrlPictures(DinoServerOptions options)
    {
        _options = options;
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false, // a proxy would resolve the name by itself
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectCallback = ConnectAsync,
            ConnectTimeout = options.UrlTimeout,
            MaxConnectionsPerServer = 8,
            MaxResponseHeadersLength = 16, // KiB
            PooledConnectionLifetime = TimeSpan.FromMinutes(2), // names may come to mean other addresses
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // each request has its own
        };
    }

    /// <summary>Whether a text is a URL, allowed or not.</summary>
    /// <param name="text">UTF-8.</param>
    public static bool IsOne(ReadOnlySpan<byte> text) => DataUri.StartsWith(text, "http:"u8) || DataUri.StartsWith(text, "https:"u8);

    /// <summary>Fetches a picture.</summary>
    /// <exception cref="RequestFailure">It may not be fetched, or cannot be.</exception>
    public async Task<ReadOnlyMemory<byte>> FetchAsync(string text, BodyMemory.Lease lease, CancellationToken cancellation)
    {
        Uri url = Allowed(text);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(_options.UrlTimeout);
        try
        {
            using HttpResponseMessage answer =
                await _client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, timeout.Token).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                throw RequestFailure.Picture(
                    Failed, $"the host answered {(int)answer.StatusCode} (expected 200; redirects are not followed)");
            }

            return await ReadAsync(answer.Content, lease, timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw RequestFailure.Picture(Failed, $"the picture did not arrive within {_options.UrlTimeout.TotalSeconds:0.#} s");
        }
        catch (HttpRequestException failure) when (failure.InnerException is RequestFailure refusal)
        {
            throw refusal;
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            throw RequestFailure.Picture(Failed, "the host could not be asked for the picture");
        }
    }

    public void Dispose() => _client.Dispose();

    private Uri Allowed(string text)
    {
        if (_options.AllowedUrlHosts.Count == 0)
        {
            throw RequestFailure.Picture(
                NotAllowed, "this server fetches no URL", "send the picture as data:image/...;base64,...");
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.UserInfo.Length > 0)
            throw RequestFailure.Picture(NotAllowed, "not a URL that this server fetches (expected http or https, without a user)");
        return _options.AllowedUrlHosts.Any(host => Matches(host, url))
            ? url
            : throw RequestFailure.Picture(NotAllowed, "this server fetches nothing from that host");
    }

    /// <summary><c>host</c> allows the usual port of http and https, <c>host:port</c> that port.</summary>
    private static bool Matches(string allowed, Uri url) =>
        allowed.Equals($"{url.Host}:{url.Port}", StringComparison.OrdinalIgnoreCase)
            || (url.IsDefaultPort && allowed.Equals(url.Host, StringComparison.OrdinalIgnoreCase));

    private async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContent content, BodyMemory.Lease lease, CancellationToken cancellation)
    {
        using var file = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        Stream stream = await content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            for (int read; (read = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;)
            {
                if (file.Length + read > _options.MaxBodyBytes)
                    throw RequestFailure.Picture("too_large", $"the picture is too large (expected at most {_options.MaxBodyBytes} bytes)");
                lease.Take(2L * read); // its buffer grows by doubling
                file.Write(buffer, 0, read);
            }
        }

        return file.GetBuffer().AsMemory(0, (int)file.Length);
    }

    /// <summary>Connects to an address that was looked at: between a check of its own and a connection a name can change.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        string host = context.DnsEndPoint.Host;
        IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? known) // Dns refuses 0.0.0.0 in words of its own
            ? [known]
            : await Dns.GetHostAddressesAsync(host, cancellation).ConfigureAwait(false);
        if (addresses.Length == 0 || (!_options.AllowsPrivateAddresses && !addresses.All(PublicAddress.Is)))
            throw RequestFailure.Picture(NotAllowed, "that host has a private address, which this server does not ask");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
