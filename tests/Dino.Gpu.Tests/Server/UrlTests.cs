using System.Net;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Tests.Server;

/// <summary>Pictures behind URLs: none, unless the owner names the host, and then no private address.</summary>
public sealed class UrlTests
{
    private const int Buffered = 8_000_000;

    [Theory]
    [InlineData("93.184.216.34", true)]
    [InlineData("2606:2800:220:1:248:1893:25c8:1946", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.255.255.254", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("172.32.0.1", true)]
    [InlineData("192.168.0.1", false)]
    [InlineData("169.254.169.254", false)] // where clouds keep their secrets
    [InlineData("100.100.100.200", false)]
    [InlineData("198.19.0.1", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("::ffff:93.184.216.34", true)]
    [InlineData("::127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("2001:0:1::1", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("ff02::1", false)]
    public void Only_addresses_of_the_open_internet_are_public(string address, bool isPublic) =>
        Assert.Equal(isPublic, PublicAddress.Is(IPAddress.Parse(address)));

    [Fact]
    public async Task Picture_is_fetched_from_a_named_host_and_nothing_else_is()
    {
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication origin = builder.Build();
        await using (origin)
        {
            int asked = 0;
            origin.MapGet("/cat.jpg", () =>
            {
                asked++;
                return Results.Bytes(picture, "image/jpeg");
            });
            origin.MapGet("/many.jpg", () => Results.Bytes(picture, "image/jpeg"));
            origin.MapGet("/elsewhere", () => Results.Redirect("/cat.jpg"));
            origin.MapGet("/gone", () => Results.NotFound());
            origin.MapGet("/large", () => Results.Bytes(new byte[200_000]));
            origin.MapGet("/slow", async (HttpContext context) => await Task.Delay(Timeout.Infinite, context.RequestAborted));
            await origin.StartAsync();
            int port = new Uri(origin.Urls.First()).Port;

            await using TestServer server = await TestServer.StartAsync(options =>
            {
                options.AllowedUrlHosts.Add($"127.0.0.1:{port}");
                options.AllowsPrivateAddresses = true;
                options.MaxBodyBytes = 150_000;
                options.MaxBufferedBytes = Buffered;
                options.UrlTimeout = TimeSpan.FromMinutes(2); // a busy machine may take long
            });
            string root = $"http://127.0.0.1:{port}";
            Assert.Equal(
                ["", "url_failed", "url_failed", "too_large", "url_not_allowed", "url_not_allowed", "url_not_allowed"],
                await CodesAsync(
                    server,
                    [$"{root}/cat.jpg", $"{root}/elsewhere", $"{root}/gone", $"{root}/large",
                        $"http://localhost:{port}/cat.jpg", $"http://user@127.0.0.1:{port}/cat.jpg", "http://127.0.0.1/cat.jpg"]));
            Assert.Equal(1, asked);

            // Several at once, and a request that fails while its picture is under way: all memory comes back.
            BodyMemory memory = server.Services.GetRequiredService<BodyMemory>();
            string[] many = [.. Enumerable.Repeat($"{root}/many.jpg", 16)];
            Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, many)).StatusCode);
            Assert.Equal(0, memory.Used);
            using (BodyMemory.Lease held = memory.Begin())
            {
                held.Take(Buffered - 140_000);
                string large = "data:image/png;base64," + new string('A', 100_000); // fits, but not beside its bytes
                HttpResponseMessage refused = await AskAsync(server, [$"{root}/many.jpg", large]);
                Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            }

            Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, many)).StatusCode); // time for what would still run
            Assert.Equal(0, memory.Used);

            await using TestServer hasty = await TestServer.StartAsync(options =>
            {
                options.AllowedUrlHosts.Add($"127.0.0.1:{port}");
                options.AllowsPrivateAddresses = true;
                options.UrlTimeout = TimeSpan.FromSeconds(1);
            });
            Assert.Equal(["url_failed"], await CodesAsync(hasty, [$"{root}/slow"]));

            // The same host without the leave to ask private addresses, in every way to write it.
            string[] hosts = ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]"];
            await using TestServer strict = await TestServer.StartAsync(options =>
            {
                foreach (string host in hosts)
                    options.AllowedUrlHosts.Add($"{host}:{port}");
            });
            string[] forms = [.. hosts, "0x7f000001", "2130706433", "0177.0.0.1", "127.1", "0", "LOCALHOST", "localhost."];
            Assert.All(
                await CodesAsync(strict, [.. forms.Select(host => $"http://{host}:{port}/cat.jpg")]),
                code => Assert.Equal("url_not_allowed", code));
            Assert.All(
                await CodesAsync(strict, [$"http:\\\\127.0.0.1:{port}\\cat.jpg", $"http://127.0.0.1:{port}#@a.example/cat.jpg",
                    $"http://a.example:{port}@127.0.0.1:{port}/cat.jpg", $"http:127.0.0.1:{port}/cat.jpg", "https:///cat.jpg"]),
                code => Assert.Equal("url_not_allowed", code));
            Assert.Equal(1, asked);
        }
    }

    /// <summary>Nothing listens at these ports: what may be asked fails in another way than what may not.</summary>
    [Fact]
    public async Task Port_that_is_named_may_be_the_usual_one()
    {
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.AllowedUrlHosts.Add("127.0.0.1:443");
            options.AllowedUrlHosts.Add("LocalHost:80");
            options.AllowsPrivateAddresses = true;
        });
        Assert.Equal(
            ["url_failed", "url_failed", "url_not_allowed", "url_not_allowed"],
            await CodesAsync(
                server, ["https://127.0.0.1/a", "http://localhost/a", "http://127.0.0.1/a", "https://localhost/a"]));
    }

    private static async Task<string[]> CodesAsync(TestServer server, string[] urls)
    {
        HttpResponseMessage answer = await AskAsync(server, urls);
        JsonElement json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        var codes = urls.Select(_ => "").ToArray();
        foreach (JsonElement error in json.GetProperty("error").GetProperty("errors").EnumerateArray())
            codes[error.GetProperty("index").GetInt32()] = error.GetProperty("code").GetString()!;
        return codes;
    }

    private static Task<HttpResponseMessage> AskAsync(TestServer server, string[] pictures) => server.Client.PostAsync(
        "/v1/embeddings", new StringContent(JsonSerializer.Serialize(new { input = pictures }), Encoding.UTF8, "application/json"));
}
