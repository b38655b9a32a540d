using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Server;

/// <summary>Health, metrics, the OpenAPI document, and the pages.</summary>
[Collection(nameof(ServerCollection))]
public sealed partial class StatusTests(ServerFixture fixture)
{
    [Fact]
    public async Task Server_says_what_it_is_and_that_it_is_ready()
    {
        Assert.Equal("live", await fixture.Client.GetStringAsync("/health/live"));
        Assert.Equal("ready", await fixture.Client.GetStringAsync("/health"));
        JsonElement info = JsonDocument.Parse(await fixture.Client.GetStringAsync("/info")).RootElement;
        Assert.Equal(48, info.GetProperty("dimensions").GetInt32());
        Assert.True(info.GetProperty("index").GetProperty("writable").GetBoolean());
        JsonElement models = JsonDocument.Parse(await fixture.Client.GetStringAsync("/v1/models")).RootElement;
        Assert.Equal("tiny", models.GetProperty("data")[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task Metrics_count_pictures_requests_and_the_time_in_the_queue()
    {
        // OpenTelemetry takes meters of one name for one, and ends it with the first server of the process that ends.
        // Other tests have servers, too: then once more.
        string[] names =
        [
            "dino_gpu_images", "dino_gpu_queue_duration_seconds_bucket", "dino_gpu_queue_length", "http_server_request_duration_seconds",
        ];
        string metrics = "";
        for (int time = 0; time < 20 && !names.All(IsThere); time++)
        {
            await using TestServer server = await TestServer.StartAsync();
            await server.Client.PostAsync("/embed", new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)));
            metrics = await server.Client.GetStringAsync("/metrics");
        }

        Assert.All(names, name => Assert.True(IsThere(name), name));

        bool IsThere(string name) => metrics.Contains($"\n{name}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Api_document_has_every_endpoint_with_its_body_and_answer()
    {
        JsonElement document = JsonDocument.Parse(await fixture.Client.GetStringAsync("/openapi.json")).RootElement;
        JsonElement paths = document.GetProperty("paths");
        Assert.Equal(
            ["/attention", "/embed", "/info", "/v1/embeddings", "/v1/index/{id}", "/v1/models", "/v1/search"],
            paths.EnumerateObject().Select(path => path.Name).Where(path => !path.StartsWith("/health", StringComparison.Ordinal)).Order());
        JsonElement embed = paths.GetProperty("/embed").GetProperty("post");
        Assert.True(embed.GetProperty("requestBody").GetProperty("content").TryGetProperty("multipart/form-data", out _));
        Assert.True(embed.GetProperty("responses").GetProperty("200").GetProperty("content").TryGetProperty("application/x-npy", out _));
        Assert.Contains("output", embed.GetProperty("parameters").EnumerateArray().Select(one => one.GetProperty("name").GetString()));
        foreach (string status in (string[])["400", "406", "415"])
            Assert.True(embed.GetProperty("responses").TryGetProperty(status, out _), status);
        Assert.Equal(["delete", "get", "put"], paths.GetProperty("/v1/index/{id}").EnumerateObject().Select(one => one.Name).Order());
    }

    [Fact]
    public async Task Pages_load_nothing_from_elsewhere_and_run_nothing_inline()
    {
        HttpResponseMessage page = await fixture.Client.GetAsync("/");
        string policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.DoesNotContain("unsafe", policy);
        Assert.Contains("default-src 'none'", policy);
        var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(page.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotModified, (await fixture.Client.SendAsync(again)).StatusCode);
        again = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "If-None-Match", "*" } } };
        Assert.Equal(HttpStatusCode.NotModified, (await fixture.Client.SendAsync(again)).StatusCode);

        HttpResponseMessage reference = await fixture.Client.GetAsync("/reference/");
        Assert.Equal(HttpStatusCode.OK, reference.StatusCode);
        policy = Assert.Single(reference.Headers.GetValues("Content-Security-Policy"));
        string nonce = Nonce().Match(policy).Groups[1].Value;
        string html = await reference.Content.ReadAsStringAsync();
        Assert.NotEmpty(Script().Matches(html));
        foreach (Match script in Script().Matches(html))
        {
            Assert.Contains($"nonce=\"{nonce}\"", WebUtility.HtmlDecode(script.Value));
            if (Source().Match(script.Value) is { Success: true } source)
            {
                Assert.DoesNotContain("//", source.Groups[1].Value);
                var url = new Uri(reference.RequestMessage!.RequestUri!, source.Groups[1].Value);
                HttpResponseMessage file = await fixture.Client.GetAsync(url);
                Assert.Equal(HttpStatusCode.OK, file.StatusCode);
            }
        }
    }

    [GeneratedRegex("'nonce-([^']+)'")]
    private static partial Regex Nonce();

    [GeneratedRegex("<script[^>]*>")]
    private static partial Regex Script();

    [GeneratedRegex("src=\"([^\"]+)\"")]
    private static partial Regex Source();
}
