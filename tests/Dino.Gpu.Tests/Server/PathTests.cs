using System.Net;
using System.Text.Json;
using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Dino.Gpu.Tests.Server;

/// <summary>Paths that do not exist, and methods that a path does not take.</summary>
[Collection(nameof(ServerCollection))]
public sealed class PathTests(ServerFixture fixture)
{
    [Theory]
    [InlineData("POST", "/v1/embedding")]
    [InlineData("GET", "/v1")]
    [InlineData("GET", "/nothing")]
    [InlineData("GET", "/nothing/at")]
    [InlineData("GET", "/nothing/at/all")]
    [InlineData("GET", "/page/none.js")]
    public async Task Unknown_path_is_404_and_says_so(string method, string path)
    {
        using HttpResponseMessage answer = await AskAsync(method, path);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("not_found", await ReasonAsync(answer, path));
    }

    [Theory]
    [InlineData("GET", "/embed", "POST")]
    [InlineData("HEAD", "/embed", "POST")]
    [InlineData("GET", "/v1/embeddings", "POST")]
    [InlineData("POST", "/v1/models", "GET")]
    [InlineData("PATCH", "/v1/index/a", "DELETE, GET, PUT")]
    [InlineData("PATCH", "/v1/index/a/b", "DELETE, GET, PUT")]
    [InlineData("POST", "/health/ready", "GET, HEAD")]
    [InlineData("DELETE", "/health/ready", "GET, HEAD")]
    [InlineData("POST", "/", "GET, HEAD")]
    [InlineData("DELETE", "/info", "GET, HEAD")]
    [InlineData("POST", "/metrics", "GET, HEAD")]
    public async Task Wrong_method_is_405_and_names_the_right_ones(string method, string path, string allowed)
    {
        using HttpResponseMessage answer = await AskAsync(method, path);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow.Order()));
        if (method != "HEAD")
            Assert.Equal("method_not_allowed", await ReasonAsync(answer, path));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/page/page.css")]
    [InlineData("/info")]
    [InlineData("/health")]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/metrics")]
    public async Task Head_answers_as_get_without_a_body(string path)
    {
        using HttpResponseMessage get = await AskAsync("GET", path);
        using HttpResponseMessage head = await AskAsync("HEAD", path);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (get.StatusCode, head.StatusCode));
        Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.NotEmpty(await get.Content.ReadAsByteArrayAsync());
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("/info")]
    [InlineData("/v1/models")]
    [InlineData("/nothing")]
    public async Task Foreign_name_is_told_which_option_names_it(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = "photos.example" } };
        using HttpResponseMessage answer = await fixture.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        string text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("photos.example", text);
        Assert.Contains("--allowed-hosts", text);
        Assert.Equal("host_not_allowed", await ReasonAsync(answer, path));
    }

    [Theory]
    [InlineData("no.such.Service", "Embed")]
    [InlineData("dino.v1.Dino", "NoSuchMethod")]
    public async Task Unknown_service_or_method_is_unimplemented_for_clients_of_grpc(string service, string name)
    {
        using var channel = GrpcChannel.ForAddress(fixture.Server.GrpcAddress);
        var method = new Method<EmbedRequest, EmbedResponse>(
            MethodType.Unary,
            service,
            name,
            Marshallers.Create(request => request.ToByteArray(), EmbedRequest.Parser.ParseFrom),
            Marshallers.Create(response => response.ToByteArray(), EmbedResponse.Parser.ParseFrom));
        RpcException failure = await Assert.ThrowsAsync<RpcException>(
            async () => await channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, new EmbedRequest()));
        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
    }

    private Task<HttpResponseMessage> AskAsync(string method, string path) =>
        fixture.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

    /// <summary>The word for programs, in OpenAI's shape below <c>/v1</c>.</summary>
    private static async Task<string?> ReasonAsync(HttpResponseMessage answer, string path)
    {
        JsonElement json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        if (path.StartsWith("/v1", StringComparison.Ordinal))
        {
            Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
            return json.GetProperty("error").GetProperty("code").GetString();
        }

        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal((int)answer.StatusCode, json.GetProperty("status").GetInt32());
        return json.GetProperty("reason").GetString();
    }
}
