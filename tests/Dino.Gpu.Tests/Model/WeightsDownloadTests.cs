using System.Net;
using System.Net.Sockets;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Files;

namespace Dino.Gpu.Tests.Model;

/// <summary>Downloads from a server on this machine that does everything a network does.</summary>
public sealed partial class WeightsDownloadTests : IDisposable
{
    private const int Length = 300_000;

    private readonly CheckpointFolder _folder = new();
    private readonly byte[] _content = Content();
    private readonly List<WeightsDownloadProgress> _progress = [];

    private string Target => _folder["model.bin"];

    private string Part => Target + ".part";

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_redirected_file_arrives_whole(bool absolute)
    {
        using var server = new HubServer(_content) { AbsoluteRedirect = absolute };
        WeightsDownloadResult result = await RunAsync(server);
        Assert.Equal((Target, (long)Length, server.AnnouncedHash, false), (result.Path, result.Bytes, result.Sha256, result.WasPresent));
        AssertArrived();
        Assert.Equal(
            ["/facebook/dino-vits16/resolve/abe3b354cb6a9b6f146096b14a4a9d7eecbcb4bd/pytorch_model.bin", "/storage/file"],
            server.Requests.Select(request => request.Address));
        Assert.Equal(new WeightsDownloadProgress(Length, Length), _progress[^1]);
    }

    [Fact]
    public async Task A_cut_connection_is_continued_where_it_broke()
    {
        using var server = new HubServer(_content) { Cuts = 2, CutAfter = 100_000 };
        await RunAsync(server);
        AssertArrived();
        Assert.Equal(
            [null, "bytes=100000-", "bytes=200000-"],
            server.Requests.Where(request => request.Address == "/storage/file").Select(request => request.Range));
        Assert.Equal(2, _progress.Count(report => report.Retry is not null));
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_is_asked_for_everything_again()
    {
        using var server = new HubServer(_content) { Cuts = 1, CutAfter = 100_000, IgnoresRange = true };
        await RunAsync(server);
        AssertArrived();
    }

    [Fact]
    public async Task An_earlier_run_is_continued()
    {
        await File.WriteAllBytesAsync(Part, _content[..250_000]);
        using var server = new HubServer(_content);
        await RunAsync(server);
        AssertArrived();
        Assert.Equal("bytes=250000-", server.Requests.Last().Range);
    }

    [Theory]
    [InlineData(Length)]
    [InlineData(Length + 5)]
    public async Task A_part_that_is_whole_or_too_long_is_sorted_out(int length)
    {
        byte[] part = new byte[length];
        _content.CopyTo(part, 0);
        await File.WriteAllBytesAsync(Part, part);
        using var server = new HubServer(_content);
        await RunAsync(server);
        AssertArrived();
    }

    [Fact]
    public async Task A_line_that_keeps_breaking_ends_in_one_line_and_keeps_what_came()
    {
        using var server = new HubServer(_content) { Cuts = int.MaxValue, CutAfter = 1000 };
        DinoException refusal = await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, Options(server)));
        Assert.Contains($"3000 bytes in {Part}", refusal.Hint);
        Assert.Equal(_content[..3000], await File.ReadAllBytesAsync(Part));
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task A_silent_server_counts_as_a_broken_line()
    {
        using var server = new HubServer(_content) { Stalls = true, CutAfter = 1000 };
        string message = await RefusalAsync(server, new WeightsDownloadOptions { StallTimeout = TimeSpan.FromSeconds(0.2), Attempts = 1 });
        Assert.Contains("went silent", message);
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_and_a_refusal_is_final()
    {
        using (var busy = new HubServer(_content))
        {
            busy.Failures.Enqueue(503);
            busy.Failures.Enqueue(429);
            await RunAsync(busy);
            AssertArrived();
        }

        File.Delete(Target);
        using var refusing = new HubServer(_content);
        refusing.Failures.Enqueue(404);
        Assert.Contains("answered 404", await RefusalAsync(refusing));
        Assert.Single(refusing.Requests);
        Assert.False(File.Exists(Part));
    }

    [Fact]
    public async Task Another_content_than_announced_is_deleted()
    {
        using var server = new HubServer(_content) { AnnouncedHash = new string('a', 64) };
        Assert.Contains("the server announced aaaa", await RefusalAsync(server));
        AssertNothingLeft();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("0123456789abcdef0123456789abcdef01234567")]
    public async Task Without_a_hash_nothing_is_taken(string? hash)
    {
        using var server = new HubServer(_content) { AnnouncedHash = hash };
        Assert.Contains("announced no SHA-256", await RefusalAsync(server));
        AssertNothingLeft();
    }

    [Theory]
    [InlineData(Length - 1)]
    [InlineData(Length + 1)]
    [InlineData(1L << 60)]
    public async Task Another_size_than_announced_is_refused(long size)
    {
        using var server = new HubServer(_content) { AnnouncedSize = size };
        Assert.Contains($"announced {size} bytes and sends {Length}", await RefusalAsync(server));
        AssertNothingLeft();
    }

    [Fact]
    public async Task More_than_announced_is_refused_and_less_is_a_broken_line()
    {
        using (var more = new HubServer(_content) { Appended = [1, 2, 3] }) Assert.Contains("sends more", await RefusalAsync(more));
        AssertNothingLeft();
        using var less = new HubServer(_content) { Appended = [], AnnouncedSize = Length + 10, IgnoresRange = true };
        Assert.Contains($"ended after {Length} of {Length + 10} bytes", await RefusalAsync(less));
    }

    [Theory]
    [InlineData("file:///etc/passwd", "not followed")]
    [InlineData("/facebook/dino-vits16/resolve/again", "more than 10 redirects")]
    public async Task Redirects_go_to_the_web_and_end(string target, string expected)
    {
        using var server = new HubServer(_content) { RedirectTo = target };
        Assert.Contains(expected, await RefusalAsync(server));
        AssertNothingLeft();
    }

    [Fact]
    public async Task Cancelling_leaves_the_part_for_the_next_run()
    {
        using var cancellation = new CancellationTokenSource();
        using var server = new HubServer(_content) { Stalls = true, CutAfter = 200_000 };
        Task run = WeightsDownload.RunAsync(Target, Options(server), null, cancellation.Token);
        for (int i = 0; i < 1000 && !(File.Exists(Part) && new FileInfo(Part).Length == 200_000); i++) await Task.Delay(10);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Equal(_content[..200_000], await File.ReadAllBytesAsync(Part));
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task A_whole_file_is_not_fetched_again_and_a_broken_one_is()
    {
        using var server = new HubServer(_content);
        await RunAsync(server);
        Assert.True((await RunAsync(server)).WasPresent);
        await File.WriteAllBytesAsync(Target, new byte[Length]);
        Assert.False((await RunAsync(server)).WasPresent);
        AssertArrived();
    }

    [Fact]
    public async Task Places_that_cannot_be_written_are_named()
    {
        using var server = new HubServer(_content);
        string blocked = Path.Combine(_folder.Write("file", []), "model.bin");
        string message = (await Assert.ThrowsAsync<DinoException>(() => WeightsDownload.RunAsync(blocked, Options(server)))).Message;
        Assert.Contains("cannot write", message);
        message = (await Assert.ThrowsAsync<DinoException>(() => WeightsDownload.RunAsync(_folder.Root, Options(server)))).Message;
        Assert.Contains(OutputPath.IsDirectory, message);
    }

    [Fact]
    public async Task An_unreachable_or_senseless_endpoint_is_one_line()
    {
        // Bound, so that no other server gets the port meanwhile, but nobody listens.
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var options = new WeightsDownloadOptions { Endpoint = $"http://{closed.LocalEndPoint}", RetryDelay = TimeSpan.FromMinutes(1) };
        Assert.Contains(
            "cannot be reached", (await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, options))).Message);
        AssertNothingLeft();
        Assert.Contains(
            "not an address",
            Assert.Throws<WeightsException>(() => WeightsDownload.Address(new WeightsDownloadOptions { Endpoint = "hub" })).Message);
        Assert.Equal(
            "http://mirror/a/facebook/dino-vits16/resolve/main/pytorch_model.bin",
            WeightsDownload.Address(new WeightsDownloadOptions { Endpoint = "http://mirror/a/", Revision = "main" }).ToString());
    }

    [Fact]
    public async Task A_digest_that_is_named_is_believed_before_the_servers()
    {
        using var server = new HubServer(_content);
        string other = new('b', 64);
        Assert.Contains($"announced the SHA-256 {server.AnnouncedHash}, expected {other}; nothing was fetched", await RefusalAsync(
            server, new WeightsDownloadOptions { Sha256 = other }));
        Assert.DoesNotContain(server.Requests, request => request.Range is not null);
        AssertNothingLeft();
        Assert.Contains("is no SHA-256", await RefusalAsync(server, new WeightsDownloadOptions { Sha256 = "abc" }));

        // one that announces nothing is checked too, and a file that is there already is not asked for
        using var silent = new HubServer(_content) { AnnouncedHash = null };
        Assert.Contains(
            $"expected {other}; the file was deleted", await RefusalAsync(silent, new WeightsDownloadOptions { Sha256 = other }));
        AssertNothingLeft();
        var right = new WeightsDownloadOptions { Sha256 = server.AnnouncedHash!.ToUpperInvariant() };
        await WeightsDownload.RunAsync(Target, Options(silent, right));
        AssertArrived();
        int asked = silent.Requests.Count;
        Assert.True((await WeightsDownload.RunAsync(Target, Options(silent, right))).WasPresent);
        Assert.Equal(asked, silent.Requests.Count);
    }

    /// <summary>The digest that this library knows counts where the caller names none.</summary>
    [Fact]
    public async Task A_pinned_digest_is_believed_before_the_servers()
    {
        using var server = new HubServer(_content);
        var pins = new Dictionary<string, string> { ["pytorch_model.bin"] = new('c', 64) };
        Assert.Contains(
            $"expected {pins["pytorch_model.bin"]}; nothing was fetched",
            await RefusalAsync(server, new WeightsDownloadOptions { Pins = pins }));
        AssertNothingLeft();
        Assert.Null(new WeightsDownloadOptions { Pins = pins, Revision = "main" }.Pinned);
        Assert.Null(new WeightsDownloadOptions { Pins = pins, Repository = "a/b" }.Pinned);
        await WeightsDownload.RunAsync(
            Target, Options(server, new WeightsDownloadOptions { Pins = pins, Sha256 = server.AnnouncedHash }));
        AssertArrived();
    }

    /// <summary>As in the Git LFS pointer of the repository's first commit.</summary>
    [Fact]
    public void The_published_checkpoint_is_pinned()
    {
        Assert.Equal("a5bb4ddaf1b3abbdbba9962d7432bbdc633527c1c3e533e0bbc4d9d1b7e08d99", new WeightsDownloadOptions().Pinned);
        Assert.Null(new WeightsDownloadOptions { Repository = "facebook/dino-vits8" }.Pinned);
    }

    [Fact]
    public async Task A_token_goes_to_the_hub_and_nowhere_else()
    {
        using var storage = new HubServer(_content);
        using var server = new HubServer(_content) { RedirectTo = storage.Endpoint + "/storage/file" };
        var options = new WeightsDownloadOptions { Variable = name => name == "HF_TOKEN" ? " secret\n" : null };
        await WeightsDownload.RunAsync(Target, Options(server, options));
        AssertArrived();
        Assert.Equal(["Bearer secret"], server.Tokens);
        Assert.Equal([""], storage.Tokens);
    }

    [Theory]
    [InlineData(401, "put a token that may read facebook/dino-vits16 into HF_TOKEN")]
    [InlineData(403, "HF_TOKEN")]
    [InlineData(404, "check --repository, --revision and --file")]
    public async Task Refusals_of_the_hub_say_what_to_do(int status, string hint)
    {
        using var server = new HubServer(_content);
        server.Failures.Enqueue(status);
        DinoException refusal = await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, Options(server)));
        Assert.Contains($"the server answered {status}", refusal.Message);
        Assert.Contains(hint, refusal.Hint);
        AssertNothingLeft();
    }

    [Theory]
    [InlineData("https://hub/a", "http://other/b", null)]
    [InlineData("https://hub/a", "https://other/b", "https://other/b")]
    [InlineData("https://hub/a", "/b", "https://hub/b")]
    [InlineData("http://127.0.0.1:1/a", "http://127.0.0.1:2/b", "http://127.0.0.1:2/b")]
    [InlineData("http://127.0.0.1:1/a", "ftp://127.0.0.1/b", null)]
    public void A_redirect_never_leaves_https(string from, string to, string? expected)
    {
        using var response = new HttpResponseMessage(System.Net.HttpStatusCode.Found);
        response.Headers.Location = new Uri(to, UriKind.RelativeOrAbsolute);
        if (expected is not null)
            Assert.Equal(expected, HubFile.Next(new Uri(from), response).ToString());
        else
            Assert.Contains("is not followed", Assert.Throws<WeightsException>(() => HubFile.Next(new Uri(from), response)).Message);
    }

    private static byte[] Content()
    {
        byte[] content = new byte[Length];
        new Random(1).NextBytes(content);
        return content;
    }

    /// <summary>The server's file is not the published one, so it is not pinned unless a test says so.</summary>
    private static WeightsDownloadOptions Options(HubServer server, WeightsDownloadOptions? options = null)
    {
        options ??= new WeightsDownloadOptions { Attempts = 3 };
        return options with
        {
            Endpoint = server.Endpoint,
            RetryDelay = TimeSpan.FromMilliseconds(1),
            Pins = options.Pins == WeightsDownloadOptions.PinnedFiles ? new Dictionary<string, string>() : options.Pins,
        };
    }

    private Task<WeightsDownloadResult> RunAsync(HubServer server) =>
        WeightsDownload.RunAsync(Target, Options(server), new Recorder(_progress));

    private async Task<string> RefusalAsync(HubServer server, WeightsDownloadOptions? options = null)
    {
        DinoException refusal =
            await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, Options(server, options)));
        Assert.DoesNotContain(refusal.Message, char.IsControl);
        return refusal.Message;
    }

    private void AssertArrived()
    {
        Assert.Equal(_content, File.ReadAllBytes(Target));
        Assert.False(File.Exists(Part));
    }

    private void AssertNothingLeft() => Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Root));

    /// <summary>Unlike Progress&lt;T&gt; it records on the reporting thread, in order.</summary>
    private sealed class Recorder(List<WeightsDownloadProgress> reports) : IProgress<WeightsDownloadProgress>
    {
        public void Report(WeightsDownloadProgress value) => reports.Add(value);
    }
}
