using System.Net;
using System.Net.Http.Headers;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Fetches the published checkpoint from the Hugging Face hub. What arrives goes to <c>FILE.part</c>, which a later
/// attempt or a later run continues; only a file of the announced size and SHA-256 gets its final name. A digest that
/// the caller names, this library knows or the first download had counts more than the announced one.
/// </summary>
internal sealed class WeightsDownload
{
    private const int BufferBytes = 1 << 17;
    private const int ReportBytes = 1 << 20;

    private readonly WeightsDownloadOptions _options;
    private readonly IProgress<WeightsDownloadProgress>? _progress;
    private readonly string _name; // as the caller gave it
    private readonly string _path; // links resolved
    private readonly string _part;
    private readonly Uri _address;
    private readonly string? _expected; // SHA-256 that the caller named, or the library or an earlier download knows
    private readonly string? _first; // SHA-256 of the first download from this source, where it is the one expected

    /// <summary>SHA-256 of what the bytes of the part are from; null before any came in this run.</summary>
    private string? _arriving;

    /// <summary>
    /// Whether the server has answered in this run; before that, a failure is no broken line but no line.
    /// </summary>
    private bool _reached;

    private WeightsDownload(string path, WeightsDownloadOptions options, IProgress<WeightsDownloadProgress>? progress)
    {
        _name = path;
        _path = PathOf(path);
        _part = _path + ".part";
        _options = options;
        _progress = progress;
        _address = Address(options);
        string? named = options.Sha256 ?? options.Pinned;
        _first = named is null ? FirstDigest.Read(_path, options) : null;
        _expected = named?.ToLowerInvariant() ?? _first;
    }

    /// <summary>Downloads the file, unless it is there already and whole.</summary>
    /// <param name="path">Where it goes; its folder is created.</param>
    /// <param name="options">What and from where; null for <c>facebook/dino-vits16</c> from the hub.</param>
    /// <param name="progress">Told about every megabyte and every broken connection.</param>
    /// <param name="cancellation">Stops it; what has arrived stays in <c>FILE.part</c>.</param>
    /// <exception cref="DinoException">
    /// The hub cannot be reached, refuses, or sends something else than it announced; or the file cannot be written.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<WeightsDownloadResult> RunAsync(
        string path,
        WeightsDownloadOptions? options = null,
        IProgress<WeightsDownloadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new WeightsDownloadOptions();
        if (options.Sha256 is { } hash && !(hash.Length == 64 && hash.All(char.IsAsciiHexDigit)))
            throw new WeightsException($"'{hash}' is no SHA-256, expected 64 hexadecimal digits");
        var download = new WeightsDownload(path, options, progress);
        return await download.RunAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>The address that would be asked.</summary>
    /// <exception cref="DinoException">The endpoint is not an http or https address.</exception>
    public static Uri Address(WeightsDownloadOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        string? variable = options.Variable(WeightsDownloadOptions.EndpointVariable);
        string endpoint = options.Endpoint ?? (string.IsNullOrWhiteSpace(variable) ? WeightsDownloadOptions.DefaultEndpoint : variable);
        string revision = Uri.EscapeDataString(options.Revision);
        string address = $"{endpoint.TrimEnd('/')}/{options.Repository}/resolve/{revision}/{options.FileName}";
        bool isAddress = Uri.TryCreate(address, UriKind.Absolute, out Uri? uri);
        return isAddress && (uri!.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            ? uri
            : throw new WeightsException(
                $"'{endpoint}' is not an address, expected something like {WeightsDownloadOptions.DefaultEndpoint}");
    }

    private async Task<WeightsDownloadResult> RunAsync(CancellationToken cancellation)
    {
        if (_expected is not null && File.Exists(_path) && Checkpoint.Sha256OfFiles(_path) == _expected)
            return new(_name, new FileInfo(_path).Length, _expected, WasPresent: true);
        string? cached = _options.Endpoint is null ? HubCache.Find(_options) : null;
        if (cached is not null && await CopyAsync(cached, cancellation).ConfigureAwait(false) is { } copied)
            return copied;
        if (HubEnvironment.IsOffline(_options.Variable))
        {
            if (cached is not null)
                throw new WeightsException($"{cached}: its SHA-256 is not the one expected", "delete it from the Hugging Face cache");

            throw new WeightsException(
                $"{_address}: not asked, since {HubEnvironment.OfflineVariable} is set, and the Hugging Face cache has no such file",
                $"unset {HubEnvironment.OfflineVariable}, or name a checkpoint with --weights");
        }

        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = !_address.IsLoopback,
            ConnectTimeout = _options.StallTimeout,
        };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        await using var part = DownloadPart.Open(_part);
        try
        {
            var file = new HubFile(client, _address, _options.Token ?? HubEnvironment.Token(_options.Variable));
            WeightsDownloadResult result = await RunAsync(file, part, cancellation).ConfigureAwait(false);
            if (_expected is null || (_options.Sha256 is not null && File.Exists(FirstDigest.PathOf(_path))))
                FirstDigest.Write(_path, _options, result.Sha256);
            return result;
        }
        finally
        {
            part.DiscardEmpty();
        }
    }

    /// <summary>
    /// Takes the file from the cache of Hugging Face's tools, whose links lead to its SHA-256; null where it has another,
    /// and the hub must be asked.
    /// </summary>
    private async Task<WeightsDownloadResult?> CopyAsync(string cached, CancellationToken cancellation)
    {
        await using var part = DownloadPart.Open(_part);
        try
        {
            using var source = new FileStream(CheckpointFile.OpenHandle(cached), FileAccess.Read, bufferSize: 0);
            string blob = Path.GetFileName(File.ResolveLinkTarget(cached, returnFinalTarget: true)?.FullName ?? "");
            part.StartOver();
            await ReceiveAsync(source, part, source.Length, stall: null, cancellation).ConfigureAwait(false);
            string? hash = _expected ?? HubFile.ParseHash(blob);
            return hash is null || part.Sha256() == hash ? Finish(part, part.Length, hash, $"{cached}: ") : null;
        }
        catch (BrokenConnectionException failure)
        {
            throw new WeightsException($"{cached}: cannot be read: {failure.Message}", failure);
        }
        finally
        {
            part.DiscardUnfinished();
        }
    }

    private async Task<WeightsDownloadResult> RunAsync(HubFile file, DownloadPart part, CancellationToken cancellation)
    {
        TimeSpan delay = _options.RetryDelay;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                WeightsDownloadResult? result = await AttemptAsync(file, part, cancellation).ConfigureAwait(false);
                if (result is not null) return result;
            }
            catch (BrokenConnectionException e) when (attempt < _options.Attempts)
            {
                string retry = $"{e.Message}; attempt {attempt + 1} of {_options.Attempts} in {delay.TotalSeconds:0.#} s";
                _progress?.Report(new(part.Length, e.Size, retry));
                await Task.Delay(delay, cancellation).ConfigureAwait(false);
                delay *= 2;
            }
            catch (BrokenConnectionException e)
            {
                string? kept = part.Length > 0 ? $"run it again: it continues from the {part.Length} bytes in {part.Path}" : null;
                throw new WeightsException($"{_address}: {e.Message} ({_options.Attempts} attempts)", kept, e);
            }
        }
    }

    /// <summary>One connection.</summary>
    /// <returns>
    /// The finished download; null to ask again at once, because the server cannot continue where the part ends.
    /// </returns>
    private async Task<WeightsDownloadResult?> AttemptAsync(HubFile file, DownloadPart part, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(_options.StallTimeout);
        using HubResponse response = await Network(() => file.GetAsync(part.Length, stall.Token), 0, cancellation).ConfigureAwait(false);
        if (response.Message.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && part.Length > 0 && response.Size != part.Length)
        {
            part.StartOver(); // A part of something else.
            return null;
        }

        (long size, string hash) = CheckAnnouncement(response, part);
        if (File.Exists(_path) && new FileInfo(_path).Length == size && Checkpoint.Sha256OfFiles(_path) == hash)
        {
            part.Discard();
            return new(_name, size, hash, WasPresent: true);
        }

        if (part.Length < size)
        {
            await using Stream body = await Network(
                () => response.Message.Content.ReadAsStreamAsync(stall.Token), size, cancellation).ConfigureAwait(false);
            await ReceiveAsync(body, part, size, stall, cancellation).ConfigureAwait(false);
        }

        if (part.IsOfEarlierRun && part.Sha256() != hash)
        {
            _progress?.Report(new(0, size, $"{part.Path} was a part of another file, so all of it is fetched"));
            part.StartOver();
            return null;
        }

        return Finish(part, size, hash, $"{_address}: ");
    }

    /// <summary>Settles what the file must be, and where in the part this response goes.</summary>
    private (long Size, string Hash) CheckAnnouncement(HubResponse response, DownloadPart part)
    {
        HttpResponseMessage message = response.Message;
        int status = (int)message.StatusCode;
        bool whole = status == 416 && part.Length > 0; // The part is all there is: any other length was sorted out before.
        if (status is 408 or 429 or >= 500) throw new BrokenConnectionException($"the server answered {status}", response.Size ?? 0);
        if (status is not (200 or 206) && !whole)
        {
            string? hint = status switch
            {
                401 or 403 when PublishedModel.Find(_options.Repository) is { IsGated: true } model =>
                    $"its license is {model.LicenseText}",
                401 or 403 => $"put a token that may read {_options.Repository} into {HubEnvironment.TokenVariable}",
                404 => "check --repository, --revision and --file",
                _ => null,
            };
            throw new WeightsException($"{_address}: the server answered {status} {message.ReasonPhrase}", hint);
        }

        if ((_expected ?? response.Sha256) is not { } hash)
        {
            throw new WeightsException(
                $"{_address}: the server announced no SHA-256 (X-Linked-Etag), so the file could not be checked",
                "say with --sha256 which one it must have");
        }

        if (response.Sha256 is { } announced && announced != hash)
        {
            string origin = _first is null ? "" : ", as when it was first fetched";
            throw new WeightsException(
                $"{_address}: the server announced the SHA-256 {announced}, expected {hash}{origin}; nothing was fetched",
                _first is null ? null : $"if it has changed for a good reason, delete {FirstDigest.PathOf(_path)}");
        }

        if (part.Length > 0 && _arriving is not null && _arriving != hash)
        {
            part.StartOver();
            throw new BrokenConnectionException("the file changed on the server", response.Size ?? 0);
        }

        _arriving = hash;

        ContentRangeHeaderValue? range = message.Content.Headers.ContentRange;
        long? sent = status == 206 ? range?.Length : whole ? null : message.Content.Headers.ContentLength;
        long size = response.Size ?? sent ?? throw new WeightsException($"{_address}: the server announced no size");
        if (sent is { } length && length != size)
            throw new WeightsException($"{_address}: the server announced {size} bytes and sends {length}");
        if (size <= 0) throw new WeightsException($"{_address}: the server announced {size} bytes");

        // A server that ignores Range sends everything: start over. So does a part that is longer than the file.
        if (status == 200) part.StartOver();
        else if (status == 206 && range?.From != part.Length)
            throw new WeightsException($"{_address}: asked for the bytes from {part.Length}, the server sends those from {range?.From}");
        return (size, hash);
    }

    /// <param name="body">The rest of the file.</param>
    /// <param name="part">Takes it.</param>
    /// <param name="size">Bytes of the whole file.</param>
    /// <param name="stall">Ends a silence that is too long; null where nobody can fall silent.</param>
    /// <param name="cancellation">Of the caller.</param>
    private async Task ReceiveAsync(
        Stream body, DownloadPart part, long size, CancellationTokenSource? stall, CancellationToken cancellation)
    {
        byte[] buffer = new byte[BufferBytes];
        long reported = part.Length;
        _progress?.Report(new(part.Length, size));
        while (true)
        {
            stall?.CancelAfter(_options.StallTimeout);
            CancellationToken end = stall?.Token ?? cancellation;
            int count = await Network(() => body.ReadAsync(buffer, end).AsTask(), size, cancellation).ConfigureAwait(false);
            if (count == 0) break;
            if (part.Length + count > size)
            {
                part.Discard();
                throw new WeightsException($"{_address}: the server announced {size} bytes and sends more; nothing was kept");
            }

            part.Write(buffer.AsSpan(0, count));
            if (part.Length - reported < ReportBytes && part.Length < size) continue;
            reported = part.Length;
            _progress?.Report(new(part.Length, size));
        }

        if (part.Length < size) throw new BrokenConnectionException($"the connection ended after {part.Length} of {size} bytes", size);
    }

    /// <param name="part">What arrived.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="hash">Its SHA-256; null where nobody said one.</param>
    /// <param name="source">Where it came from, for the message.</param>
    private WeightsDownloadResult Finish(DownloadPart part, long size, string? hash, string source)
    {
        try
        {
            string found = part.Sha256();
            if (hash is not null && found != hash)
            {
                part.Discard();
                string said = hash == _expected ? "expected" : "the server announced";
                throw new WeightsException($"{source}the SHA-256 is {found}, {said} {hash}; the file was deleted", "run it again");
            }

            part.PutInPlace(_path);
            return new(_name, size, found, WasPresent: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Of(_name, e);
        }
    }

    /// <summary>The file to write, links resolved; its folder is made.</summary>
    private static string PathOf(string path)
    {
        try
        {
            if (path.Length > 0)
                Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.OfNew(path, e);
        }

        return OutputPath.Resolve(path);
    }

    /// <summary>
    /// Runs a step whose failure means the connection broke, so that it is told from a disk that is full.
    /// </summary>
    private async Task<T> Network<T>(Func<Task<T>> step, long size, CancellationToken cancellation)
    {
        try
        {
            T result = await step().ConfigureAwait(false);
            _reached = true;
            return result;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new BrokenConnectionException("the server went silent", size);
        }
        catch (HttpRequestException e) when (!_reached && IsUnreachable(e.HttpRequestError))
        {
            // Offline, most likely: no reason to keep anybody waiting for further attempts.
            throw new WeightsException($"{_address}: cannot be reached: {e.Message}", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new BrokenConnectionException($"the connection broke: {e.Message}", size);
        }
    }

    private static bool IsUnreachable(HttpRequestError error) =>
        error is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError;

    private sealed class BrokenConnectionException(string message, long size) : Exception(message)
    {
        public long Size { get; } = size;
    }
}
