using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server.Hosting;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Tests.Server;

/// <summary>What clients may try: a clear status for them, and no harm to others.</summary>
[Collection(nameof(ServerCollection))]
public sealed class SafetyTests(ServerFixture fixture) : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public ValueTask InitializeAsync() => default;

    /// <summary>After each of them the server answers others, and holds nothing of it.</summary>
    public async ValueTask DisposeAsync() => await AssertUnharmedAsync(fixture.Server);

    [Fact]
    public async Task Body_without_an_end_ends_at_the_limit()
    {
        string answer = await fixture.Server.RawAsync(
            "POST /embed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            async stream =>
            {
                byte[] chunk = [.. Encoding.ASCII.GetBytes("10000\r\n"), .. new byte[0x10000], .. "\r\n"u8];
                while (true)
                    await stream.WriteAsync(chunk); // until the server closes
            });
        AssertProblem(answer, 413, "body_too_large");
    }

    [Theory]
    [InlineData("/embed")]
    [InlineData("/v1/search")]
    [InlineData("/attention")]
    public async Task Body_of_a_hundred_megabytes_is_refused_before_it_is_read(string url)
    {
        string answer = await fixture.Server.RawAsync($"POST {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n");
        AssertProblem(answer, 413, "body_too_large");
    }

    [Fact]
    public async Task Slow_body_is_given_up()
    {
        await using TestServer server = await TestServer.StartAsync(options => options.BodyTimeout = TimeSpan.FromMilliseconds(200));
        AssertProblem(
            await server.RawAsync("POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc"), 408, "body_too_slow");
        await AssertUnharmedAsync(server);
    }

    [Fact]
    public async Task Announced_length_takes_little_memory()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", fixture.Client.BaseAddress!.Port);
        await socket.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes($"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: {ServerFixture.MaxBody}\r\n\r\nabc"));
        BodyMemory memory = fixture.Server.Services.GetRequiredService<BodyMemory>();
        for (long start = Environment.TickCount64; memory.Used == 0; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Soon.TotalMilliseconds, "the body is not read");
        Assert.InRange(memory.Used, 1, 64 << 10);
    }

    [Fact]
    public async Task Decompression_bomb_is_refused_by_its_header()
    {
        await using TestServer server = await TestServer.StartAsync(
            model: options => options with { Decoder = new SkiaImageDecoder { MaxPixels = 1_000_000 } });
        byte[] bomb = Bomb(20_000, 20_000);
        Assert.InRange(bomb.Length, 1, 1_000_000);
        long before = GC.GetTotalAllocatedBytes();
        HttpResponseMessage answer = await server.Client.PostAsync("/embed", new ByteArrayContent(bomb));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("\"reason\":\"too_large\"", await answer.Content.ReadAsStringAsync());
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 50_000_000);
        await AssertUnharmedAsync(server);
    }

    [Fact]
    public async Task Too_many_items_are_refused()
    {
        string uri = "data:image/png;base64,AAAA";
        string json = JsonSerializer.Serialize(new { input = Enumerable.Repeat(uri, 10_000) });
        HttpResponseMessage answer =
            await fixture.Client.PostAsync("/v1/embeddings", new StringContent(json, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("too_many_items", await answer.Content.ReadAsStringAsync());
        using var form = new MultipartFormDataContent();
        for (int i = 0; i <= ServerFixture.MaxItems; i++)
            form.Add(new ByteArrayContent([1]), "f", "a.png");
        answer = await fixture.Client.PostAsync("/embed", form);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("too_many_items", await answer.Content.ReadAsStringAsync());
        string values = $"{{\"input\": [{string.Join(',', Enumerable.Repeat("1", 300_000))}]}}";
        answer = await fixture.Client.PostAsync("/v1/embeddings", new StringContent(values, Encoding.UTF8, "application/json"));
        Assert.Contains("too_many_values", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")]
    [InlineData("Content-Length: +5\r\n\r\nabcde")]
    [InlineData("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5;\n\r\nabcde\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc")]
    public async Task Request_with_two_meanings_is_no_two_requests(string rest)
    {
        // If a second request were seen in the first one's body, it would be answered with the word of /health/live, as
        // it is alone. The server closes the connection: all that it says is read.
        const string second = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        string answer = await fixture.Server.RawToEndAsync(
            $"POST /embed HTTP/1.1\r\nHost: localhost\r\n{rest}{second[1..]}",
            stream =>
            {
                stream.Socket.Shutdown(SocketShutdown.Send);
                return Task.CompletedTask;
            });
        Assert.Matches("^($|HTTP/1.1 4)", answer); // empty: the reset came before the answer, again and again
        Assert.DoesNotContain("live", answer);
        Assert.DoesNotContain("HTTP/1.1 2", answer);
        Assert.Contains("live", await fixture.Server.RawToEndAsync(second));
    }

    [Theory]
    [InlineData("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n")] // a name that was made to mean this machine
    [InlineData("GET /health HTTP/1.1\r\n\r\n")]
    [InlineData("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET /health\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001 TLS on a port without\r\n\r\n")]
    public async Task Foreign_names_and_foreign_protocols_are_refused(string request)
    {
        string answer = await fixture.Server.RawAsync(request, stream =>
        {
            stream.Socket.Shutdown(SocketShutdown.Send);
            return Task.CompletedTask;
        });
        Assert.Matches("^($|HTTP/1.1 400 )", answer); // what is no HTTP at all gets no answer
    }

    [Fact]
    public async Task Full_queue_says_when_to_come_back_and_clients_that_leave_make_room()
    {
        await using TestServer server = await TestServer.StartAsync(
            options =>
            {
                options.Index = _ => VectorIndex.Create(48);
                options.BodyTimeout = TimeSpan.FromSeconds(3);
            },
            options => options with { QueueLimit = 2, MaxBatchDelay = TimeSpan.FromMinutes(1), BatchSize = 64 });
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        using var leave = new CancellationTokenSource();
        Task[] waiting = [.. Enumerable.Range(0, 2).Select(_ => WaitAsync())];
        HttpResponseMessage refused = await UntilAsync(
            () => server.Client.PostAsync("/embed", new ByteArrayContent(picture), new CancellationTokenSource(300).Token),
            HttpStatusCode.TooManyRequests);
        Assert.Equal("1", Assert.Single(refused.Headers.GetValues("Retry-After")));
        Assert.Contains("\"reason\":\"busy\"", await refused.Content.ReadAsStringAsync());
        string json = $$"""{"input": "{{ServerFixture.DataUri(ServerFixture.Rocket)}}"}""";
        HttpResponseMessage openAI = await UntilAsync(
            () => server.Client.PostAsync(
                "/v1/embeddings", new StringContent(json, Encoding.UTF8, "application/json"), new CancellationTokenSource(300).Token),
            HttpStatusCode.TooManyRequests);
        Assert.Contains("rate_limit_error", await openAI.Content.ReadAsStringAsync());

        // Whoever comes now need not send the picture first.
        foreach (string url in (string[])["/embed", "/v1/embeddings", "/v1/search", "/v1/index/a"])
        {
            string method = url == "/v1/index/a" ? "PUT" : "POST";
            string raw = "";
            for (long start = Environment.TickCount64; !raw.Contains(" 429 ") && Environment.TickCount64 - start < Soon.TotalMilliseconds;)
            {
                // One of those that waited may have left just now, and its place is free for a moment.
                await UntilAsync(
                    () => server.Client.PostAsync("/embed", new ByteArrayContent(picture), new CancellationTokenSource(300).Token),
                    HttpStatusCode.TooManyRequests);
                raw = await server.RawAsync($"{method} {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n");
            }

            AssertProblem(raw, 429, "busy");
        }

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(waiting));

        // Their pictures wait no more: the next is not refused, it waits.
        Exception? wait = null;
        for (long start = Environment.TickCount64; wait is null && Environment.TickCount64 - start < Soon.TotalMilliseconds;)
        {
            wait = await Record.ExceptionAsync(
                () => server.Client.PostAsync("/embed", new ByteArrayContent(picture), new CancellationTokenSource(300).Token));
        }

        Assert.IsAssignableFrom<OperationCanceledException>(wait);
        await AssertUnharmedAsync(server);

        // Until it has a place in the queue, which one of those that are to be refused may have taken before it.
        async Task WaitAsync()
        {
            while ((await server.Client.PostAsync("/embed", new ByteArrayContent(picture), leave.Token)).StatusCode
                == HttpStatusCode.TooManyRequests)
                await Task.Delay(10, leave.Token);
        }
    }

    [Fact]
    public async Task Too_many_passes_are_refused_before_their_pictures_are_read()
    {
        await using TestServer server = await TestServer.StartAsync(options => options.MaxPasses = 0);
        foreach (string url in (string[])["/attention", "/embed?output=mean"])
        {
            string raw = await server.RawAsync($"POST {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n");
            AssertProblem(raw, 429, "busy");
        }
    }

    /// <summary>
    /// Kestrel by itself closes the connection five seconds after an answer whose request is not there as a whole: the
    /// client that sends on is reset, and may not see the answer.
    /// </summary>
    [Fact]
    public async Task A_client_that_is_refused_is_not_reset_while_it_still_sends()
    {
        await using TestServer server = await TestServer.StartAsync(options => options.MaxPasses = 0);
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", server.Client.BaseAddress!.Port);
        using NetworkStream stream = socket.GetStream();
        const int length = 40_000;
        for (int request = 0; request < 2; request++) // the second on the same connection
        {
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes($"POST /attention HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"));
            string answer = await TextAsync();
            AssertProblem(answer, 429, "busy");
            Assert.DoesNotContain("Connection: close", answer);
            if (request == 0)
                await Task.Delay(TimeSpan.FromSeconds(7));
            await stream.WriteAsync(new byte[length]);
        }

        async Task<string> TextAsync()
        {
            var text = new StringBuilder();
            byte[] buffer = new byte[4096];
            while (!text.ToString().EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal)) // the last chunk
            {
                int read = await stream.ReadAsync(buffer, new CancellationTokenSource(Soon).Token);
                Assert.NotEqual(0, read);
                text.Append(Encoding.ASCII.GetString(buffer, 0, read));
            }

            return text.ToString();
        }
    }

    [Fact]
    public void Limits_of_connections_are_ours_unless_a_variable_says_otherwise()
    {
        var limits = new KestrelServerLimits();
        DinoServerHost.Limit(limits, new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Limits:MaxConcurrentConnections"] = "7",
            ["Limits:Http2:MaxStreamsPerConnection"] = "5",
        }).Build());
        Assert.Equal((7, 5), (limits.MaxConcurrentConnections, limits.Http2.MaxStreamsPerConnection));
        Assert.InRange(limits.MaxRequestBufferSize!.Value, 1, 64 << 10);
        Assert.InRange(fixture.Server.Services.GetRequiredService<IOptions<SocketTransportOptions>>().Value.Backlog, 4096, int.MaxValue);
    }

    [Fact]
    public async Task Clients_that_hang_up_midway_leave_nothing()
    {
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(async client =>
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync("127.0.0.1", fixture.Client.BaseAddress!.Port);
            string head = string.Create(
                CultureInfo.InvariantCulture, $"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: {picture.Length}\r\n\r\n");
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
            await socket.GetStream().WriteAsync(picture.AsMemory(0, client % 4 == 0 ? picture.Length : picture.Length / 2));
            if (client % 2 == 0)
                socket.LingerState = new LingerOption(true, 0); // a reset
        }));
    }

    [Fact]
    public async Task Wrong_keys_open_nothing_and_right_ones_everything()
    {
        string first = new('a', 32);
        string second = new('b', 40);
        using var folder = new Support.TemporaryFolder();
        string keys = folder.Write("keys.txt", $"# two, so that one can be replaced\n{first}\n\n  {second}\n");
        await using TestServer server = await TestServer.StartAsync(options => options.ApiKeyFile = keys);
        foreach (string url in (string[])["/info", "/v1/models", "/metrics", "/v1/index/a"])
        {
            Assert.Equal(401, await StatusAsync(url, null, null));
            Assert.Equal(401, await StatusAsync(url, "Authorization", $"Bearer {first}x"));
            Assert.Equal(401, await StatusAsync(url, "Authorization", first));
            Assert.Equal(401, await StatusAsync(url, "X-Api-Key", "# two, so that one can be replaced"));
            int known = url.StartsWith("/v1/index", StringComparison.Ordinal) ? 404 : 200;
            Assert.Equal(known, await StatusAsync(url, "Authorization", $"Bearer {first}"));
            Assert.Equal(known, await StatusAsync(url, "X-Api-Key", second));
        }

        foreach (string url in (string[])["/health", "/health/live", "/health/ready", "/"])
            Assert.Equal(200, await StatusAsync(url, null, null));
        AssertProblem(
            await server.RawAsync("POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"), 401, "invalid_api_key");

        async Task<int> StatusAsync(string url, string? name, string? value)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, url);
            if (name is not null)
                request.Headers.TryAddWithoutValidation(name, value);
            return (int)(await server.Client.SendAsync(request)).StatusCode;
        }
    }

    private static async Task AssertUnharmedAsync(TestServer server)
    {
        byte[] picture = await File.ReadAllBytesAsync(GoldenImage);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
        BodyMemory memory = server.Services.GetRequiredService<BodyMemory>();
        for (long start = Environment.TickCount64; memory.Used != 0; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Soon.TotalMilliseconds, $"{memory.Used} bytes are held");
        Assert.Equal(
            HttpStatusCode.OK, (await server.Client.PostAsync("/attention", new ByteArrayContent(picture))).StatusCode);
    }

    private static string GoldenImage => ServerFixture.Chelsea;

    private static async Task<HttpResponseMessage> UntilAsync(Func<Task<HttpResponseMessage>> ask, HttpStatusCode status)
    {
        for (long start = Environment.TickCount64; Environment.TickCount64 - start < Soon.TotalMilliseconds;)
        {
            try
            {
                HttpResponseMessage answer = await ask();
                if (answer.StatusCode == status)
                    return answer;
            }
            catch (OperationCanceledException)
            {
                // it waited in the queue, and left
            }
        }

        throw new TimeoutException($"no answer was {status}");
    }

    private static void AssertProblem(string raw, int status, string reason)
    {
        Assert.StartsWith($"HTTP/1.1 {status} ", raw);
        Assert.Contains($"\"{reason}\"", raw);
    }

    /// <summary>A small PNG of many pixels.</summary>
    private static byte[] Bomb(int width, int height)
    {
        using var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            byte[] row = new byte[1 + width / 8];
            for (int y = 0; y < height; y++)
                zlib.Write(row);
        }

        using var png = new MemoryStream();
        png.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        Chunk("IHDR", [.. Number(width), .. Number(height), 1, 0, 0, 0, 0]);
        Chunk("IDAT", data.ToArray());
        Chunk("IEND", []);
        return png.ToArray();

        void Chunk(string type, byte[] content)
        {
            byte[] typed = [.. Encoding.ASCII.GetBytes(type), .. content];
            png.Write(Number(content.Length));
            png.Write(typed);
            png.Write(Number((int)System.IO.Hashing.Crc32.HashToUInt32(typed)));
        }

        static byte[] Number(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
    }
}
