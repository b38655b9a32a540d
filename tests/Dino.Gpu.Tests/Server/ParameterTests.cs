using System.Net;
using System.Text.Json;
using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Dino.Gpu.Tests.Server;

/// <summary>Parameters in the URL: one that would change nothing is refused.</summary>
[Collection(nameof(ServerCollection))]
public sealed class ParameterTests(ServerFixture fixture)
{
    [Theory]
    [InlineData("/attention?head=rollout&layer=0", "omit layer")]
    [InlineData("/attention?head=all&overlay=0.5", "omit overlay")]
    [InlineData("/embed?outptu=mean", "expected output, normalize")]
    [InlineData("/embed?outptu=mean", "did you mean output?")]
    [InlineData("/embed?output=mean&x=1", "'x'")]
    [InlineData("/attention?leyer=0", "did you mean layer?")]
    [InlineData("/v1/search?n=3", "expected k")]
    public async Task Parameter_without_an_effect_is_refused(string url, string said)
    {
        using HttpResponseMessage answer = await AskAsync(url);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(said, (await answer.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("map=gray", "omit map, or send Accept: image/png")]
    [InlineData("overlay=0.5", "omit overlay, or")]
    [InlineData("head=rollout&MAP=nosuch", "omit map, or")]
    public async Task Parameter_of_a_picture_is_refused_for_values(string query, string said)
    {
        using HttpResponseMessage answer = await AskForValuesAsync(query);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(said, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("head=all&layer=-1")]
    [InlineData("map=&overlay=")] // empty is missing
    public async Task Parameter_of_values_is_taken(string query)
    {
        using HttpResponseMessage answer = await AskForValuesAsync(query);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("/attention?head=rollout&map=gray&overlay=0.5")]
    [InlineData("/attention?head=all&layer=-1&map=gray")]
    [InlineData("/attention?head=all&overlay=")] // empty is missing
    [InlineData("/embed?Output=mean&NORMALIZE=1")]
    [InlineData("/v1/search?k=1")]
    public async Task Parameters_that_go_together_are_taken(string url)
    {
        using HttpResponseMessage answer = await AskAsync(url);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Every_parameter_of_the_api_document_is_known()
    {
        JsonElement document = JsonDocument.Parse(await fixture.Client.GetStringAsync("/openapi.json")).RootElement;
        int count = 0;
        foreach (JsonProperty path in document.GetProperty("paths").EnumerateObject())
        {
            if (!path.Value.TryGetProperty("post", out JsonElement post) || !post.TryGetProperty("parameters", out JsonElement parameters))
                continue;
            foreach (JsonElement one in parameters.EnumerateArray())
            {
                using HttpResponseMessage answer = await AskAsync($"{path.Name}?{one.GetProperty("name").GetString()}=");
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                count++;
            }
        }

        Assert.Equal(7, count);
    }

    [Fact]
    public async Task Choices_that_exclude_each_other_are_refused_over_grpc_too()
    {
        using var channel = GrpcChannel.ForAddress(fixture.Server.GrpcAddress);
        var client = new Gpu.Server.Rpc.Dino.DinoClient(channel);
        ByteString rocket = ByteString.CopyFrom(await File.ReadAllBytesAsync(ServerFixture.Rocket));
        foreach (AttentionRequest request in (AttentionRequest[])[
            new() { Image = rocket, Head = "rollout", Layer = 0 }, new() { Image = rocket, Head = "all", Overlay = 0.5 }])
        {
            RpcException failure = await Assert.ThrowsAsync<RpcException>(async () => await client.AttentionAsync(request));
            Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        }
    }

    private async Task<HttpResponseMessage> AskForValuesAsync(string query)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/attention?{query}")
        {
            Content = new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)),
            Headers = { { "Accept", "application/x-npy" } },
        };
        return await fixture.Client.SendAsync(request);
    }

    private async Task<HttpResponseMessage> AskAsync(string url) =>
        await fixture.Client.PostAsync(url, new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)));
}
