using System.Net;

namespace Dino.Gpu.Tests.Server;

/// <summary>What <c>POST /attention</c> answers with, as <c>Accept</c> says.</summary>
[Collection(nameof(ServerCollection))]
public sealed class AttentionFormatTests(ServerFixture fixture)
{
    [Theory]
    [InlineData(null, "image/png")]
    [InlineData("*/*", "image/png")]
    [InlineData("image/*, */*;q=0.8", "image/png")]
    [InlineData("text/html, image/png", "image/png")]
    [InlineData("application/x-npy", "application/x-npy")]
    [InlineData("application/x-npy; dtype=\"f32\"", "application/x-npy")]
    [InlineData("image/png, application/x-npy", "application/x-npy")]
    [InlineData("*/*, application/x-npy", "application/x-npy")]
    [InlineData("application/*", "application/x-npy")]
    [InlineData("image/png;q=0, */*", "application/x-npy")]
    [InlineData("application/x-npy;q=0, image/png", "image/png")]
    [InlineData("application/x-npy;q=0.5, image/png", "image/png")]
    [InlineData("application/x-npy; dtype=f16, image/png", "image/png")]
    public async Task Answer_is_what_accept_likes_best(string? accept, string type)
    {
        using HttpResponseMessage answer = await AskAsync(accept);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType?.MediaType);
        byte[] start = (await answer.Content.ReadAsByteArrayAsync())[1..4];
        Assert.Equal(type == "image/png" ? "PNG"u8.ToArray() : "NUM"u8.ToArray(), start);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("image/jpeg")]
    [InlineData("application/x-npy; dtype=f16")]
    [InlineData("application/x-npy;q=0")]
    [InlineData("*/*;q=0")]
    public async Task Accept_without_a_format_of_attention_is_refused(string accept)
    {
        using HttpResponseMessage answer = await AskAsync(accept);
        Assert.Equal(HttpStatusCode.NotAcceptable, answer.StatusCode);
        Assert.Contains("\"not_acceptable\"", await answer.Content.ReadAsStringAsync());
    }

    private async Task<HttpResponseMessage> AskAsync(string? accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/attention")
        {
            Content = new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)),
        };
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        return await fixture.Client.SendAsync(request);
    }
}
