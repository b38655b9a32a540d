using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Dino.Gpu.Tests.Server;

/// <summary>Forms: every part with a file name is a picture, and none is left out unseen.</summary>
[Collection(nameof(ServerCollection))]
public sealed class FormTests(ServerFixture fixture)
{
    [Theory]
    [InlineData("form-data; name=\"f\"; filename=\"cat.jpg\"", "cat.jpg")]
    [InlineData("form-data; name=f; filename=cat.jpg", "cat.jpg")]
    [InlineData("form-data; name=\"f\"; filename=\"\u00fcn\u00ef.png\"", "\u00fcn\u00ef.png")]
    [InlineData("form-data; name=\"f\"; filename=\"a\\\"b\\\\c.png\"", "a\"b\\c.png")]
    [InlineData("form-data; name=\"f\"; filename=\"C:\\in\\cat.jpg\"", "C:\\in\\cat.jpg")]
    [InlineData("form-data; name=\"f\"; filename*=UTF-8''%C3%BC.png", "\u00fc.png")]
    [InlineData("form-data; name=\"f\"; FileName=\"\"", "")]
    [InlineData("attachment; filename=\"cat.jpg\"", "cat.jpg")]
    [InlineData("attachment; filename=", "")]
    public async Task Part_with_a_file_name_is_a_picture(string disposition, string name)
    {
        using HttpResponseMessage answer = await AskAsync(disposition);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        JsonElement[] all = [.. (await JsonAsync(answer)).GetProperty("embeddings").EnumerateArray()];
        Assert.Equal(2, all.Length);
        Assert.Equal(name, all[1].TryGetProperty("name", out JsonElement its) ? its.GetString() : "");
    }

    [Theory]
    [InlineData("form-data; name=f; filename=\u00fcn\u00ef.png")]
    [InlineData("form-data; name=f; filename=two words.png")]
    [InlineData("form-data; name=f; filename=\"cat.jpg")]
    [InlineData(null)]
    public async Task Part_that_cannot_be_told_is_refused(string? disposition)
    {
        using HttpResponseMessage answer = await AskAsync(disposition);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        JsonElement problem = await JsonAsync(answer);
        Assert.Contains("Content-Disposition", problem.GetProperty("detail").GetString());
        Assert.Contains("filename=\"cat.jpg\"", problem.GetProperty("hint").GetString());
    }

    /// <summary>As a browser sends a form of which one file was not chosen.</summary>
    [Fact]
    public async Task Part_without_a_name_and_without_bytes_is_no_picture()
    {
        using HttpResponseMessage answer = await AskAsync("form-data; name=\"second\"; filename=\"\"", hasBytes: false);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Single((await JsonAsync(answer)).GetProperty("embeddings").EnumerateArray());
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

    /// <summary>A usual file, and then one with what a test is about.</summary>
    private async Task<HttpResponseMessage> AskAsync(string? disposition, bool hasBytes = true)
    {
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        string header = disposition is null ? "Content-Type: image/jpeg" : $"Content-Disposition: {disposition}";
        using var content = new ByteArrayContent(
        [
            .. "--x\r\nContent-Disposition: form-data; name=f; filename=first.jpg\r\n\r\n"u8, .. picture,
            .. Encoding.UTF8.GetBytes($"\r\n--x\r\n{header}\r\n\r\n"), .. hasBytes ? picture : [], .. "\r\n--x--\r\n"u8,
        ]);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x");
        return await fixture.Client.PostAsync("/embed", content);
    }
}
