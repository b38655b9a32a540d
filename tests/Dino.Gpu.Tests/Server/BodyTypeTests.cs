using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Dino.Gpu.Tests.Server;

/// <summary>What <c>Content-Type</c> and <c>Content-Encoding</c> say about a body.</summary>
[Collection(nameof(ServerCollection))]
public sealed class BodyTypeTests(ServerFixture fixture)
{
    [Theory]
    [InlineData(null, 200)]
    [InlineData("application/json", 200)]
    [InlineData("application/json; charset=utf-8", 200)]
    [InlineData("application/vnd.api+json", 200)]
    [InlineData("text/plain", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    [InlineData("multipart/form-data; boundary=x", 415)]
    [InlineData("image/jpeg", 415)]
    public async Task Embeddings_of_openai_take_json_only(string? type, int status)
    {
        using var content = new ByteArrayContent(Json());
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        using HttpResponseMessage answer = await fixture.Client.PostAsync("/v1/embeddings", content);
        Assert.Equal(status, (int)answer.StatusCode);
        if (status == 200)
            return;
        JsonElement error = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal("unsupported_media_type", error.GetProperty("code").GetString());
        Assert.Contains("application/json", error.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("POST", "/v1/embeddings", true)]
    [InlineData("POST", "/v1/search", true)]
    [InlineData("POST", "/v1/search", false)]
    [InlineData("PUT", "/v1/index/coded", false)]
    [InlineData("POST", "/embed", false)]
    [InlineData("POST", "/attention", false)]
    public async Task Compressed_body_is_refused_and_its_coding_named(string method, string path, bool isJson)
    {
        foreach (string coding in (string[])["gzip", "identity, br"])
        {
            using HttpResponseMessage refused = await AskAsync(coding);
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, refused.StatusCode);
            Assert.Contains(coding, await refused.Content.ReadAsStringAsync());
        }

        if (method == "POST")
            Assert.Equal(HttpStatusCode.OK, (await AskAsync("Identity")).StatusCode);

        async Task<HttpResponseMessage> AskAsync(string coding)
        {
            using var content = new ByteArrayContent(isJson ? Json() : await File.ReadAllBytesAsync(ServerFixture.Rocket));
            if (isJson)
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            content.Headers.TryAddWithoutValidation("Content-Encoding", coding);
            return await fixture.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path) { Content = content });
        }
    }

    private static byte[] Json() => Encoding.UTF8.GetBytes($$"""{"input": "{{ServerFixture.DataUri(ServerFixture.Rocket)}}"}""");
}
