using System.Net;

namespace Dino.Gpu.Tests.Server;

/// <summary>What <c>POST /embed</c> answers with, as <c>Accept</c> says.</summary>
[Collection(nameof(ServerCollection))]
public sealed class VectorFormatTests(ServerFixture fixture)
{
    private const string Json = "application/json";
    private const string Npy = "application/x-npy; dtype=f32";
    private const string Half = "application/x-npy; dtype=f16";
    private const string Bytes = "application/octet-stream; dtype=f32";

    [Theory]
    [InlineData(null, Json)]
    [InlineData("*/*", Json)]
    [InlineData("application/*", Json)]
    [InlineData("text/html, */*;q=0.1", Json)]
    [InlineData("application/x-npy", Npy)]
    [InlineData("application/octet-stream", Bytes)]
    [InlineData("application/x-npy, application/json", Npy)]
    [InlineData("application/json, application/x-npy", Json)]
    [InlineData("application/json;q=0.5, application/x-npy", Npy)]
    [InlineData("*/*, application/x-npy", Npy)] // who names arrays wants one
    [InlineData("application/json;q=0, */*", Npy)]
    [InlineData("application/json;q=0, application/x-npy;q=0, */*", Bytes)]
    [InlineData("application/json;q=0.1, */*;q=0.5", Npy)]
    [InlineData("application/json, */*;q=0", Json)]
    [InlineData("application/x-npy;q=0, */*;q=0.5", Json)]
    [InlineData("application/x-npy; dtype=f16", Half)]
    [InlineData("application/x-npy; dtype=f16;q=0.9, application/x-npy;q=0.8", Half)]
    [InlineData("application/x-npy;q=0.9, application/x-npy; dtype=f32;q=0.2, application/octet-stream;q=0.5", Bytes)]
    public async Task Answer_is_what_accept_likes_best(string? accept, string type)
    {
        using HttpResponseMessage answer = await AskAsync(accept);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType?.ToString());
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("*/*;q=0")]
    [InlineData("application/json;q=0")]
    [InlineData("application/*;q=0, */*")]
    [InlineData("application/x-npy; dtype=f64")]
    public async Task Accept_without_a_format_of_vectors_is_refused(string accept)
    {
        using HttpResponseMessage answer = await AskAsync(accept);
        Assert.Equal(HttpStatusCode.NotAcceptable, answer.StatusCode);
        Assert.Contains("\"not_acceptable\"", await answer.Content.ReadAsStringAsync());
    }

    private async Task<HttpResponseMessage> AskAsync(string? accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/embed")
        {
            Content = new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)),
        };
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        return await fixture.Client.SendAsync(request);
    }
}
