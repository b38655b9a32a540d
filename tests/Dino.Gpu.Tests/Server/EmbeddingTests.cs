using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary>Embeddings over HTTP: the bytes of <c>dino embed</c>, in every shape.</summary>
[Collection(nameof(ServerCollection))]
public sealed class EmbeddingTests(ServerFixture fixture)
{
    private static readonly string[] Two = [ServerFixture.Rocket, ServerFixture.Chelsea];

    [Theory]
    [InlineData("cls", false, "f32")]
    [InlineData("cls", true, "f16")]
    [InlineData("cls+mean", false, "f32")]
    [InlineData("last2", true, "f32")]
    [InlineData("tokens", false, "f16")]
    [InlineData("patches", true, "f32")]
    [InlineData("multiscale", false, "f32")]
    public async Task Arrays_have_the_bytes_that_embed_writes(string output, bool normalize, string type)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Path("x.npy");
        string[] flags = normalize ? ["--normalize"] : [];
        CliResult run = await CliRunner.RunAsync(
            ["embed", .. Two, "-w", CliRunner.TinyWeights, "--device", "cpu", "--output", output, "--dtype", type, "-o", file, .. flags]);
        Assert.Equal(0, run.ExitCode);
        byte[] expected = await File.ReadAllBytesAsync(file);

        string url = $"/embed?output={output}&normalize={normalize}";
        Assert.Equal(expected, await BytesAsync(await PostAsync(url, Form(Two), $"application/x-npy; dtype={type}")));
        byte[] bare = await BytesAsync(await PostAsync(url, Form(Two), $"application/octet-stream;dtype=\"{type}\""));
        Assert.Equal(expected[^bare.Length..], bare);
    }

    [Fact]
    public async Task Every_shape_of_a_request_gives_the_same_float32()
    {
        float[] plain = await PlainAsync(ServerFixture.Rocket);
        string uri = ServerFixture.DataUri(ServerFixture.Rocket);
        string image = $$$"""{"type": "image_url", "image_url": {"url": "{{{uri}}}"}}""";
        string message = $$"""{"role": "user", "content": [{"type": "text", "text": " "}, {{image}}]}""";
        foreach (string json in (string[])[
            $$"""{"input": "{{uri}}"}""",
            $$"""{"input": ["{{uri}}"], "model": "tiny", "modality": "image", "dimensions": {{plain.Length}}, "user": "me"}""",
            $$"""{"input": "{{uri.Replace("/", "\\/", StringComparison.Ordinal)}}", "encoding_format": "float"}""",
            $$"""{"messages": [{{message}}]}"""])
        {
            JsonElement answer = await JsonAsync(await OpenAIAsync(json));
            Assert.Equal(plain, answer.GetProperty("data")[0].GetProperty("embedding").Deserialize<float[]>());
            Assert.Equal("tiny", answer.GetProperty("model").GetString());
            Assert.Equal(17, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        }

        JsonElement coded = await JsonAsync(await OpenAIAsync($$"""{"input": "{{uri}}", "encoding_format": "base64"}"""));
        byte[] bytes = coded.GetProperty("data")[0].GetProperty("embedding").GetBytesFromBase64();
        Assert.Equal(plain, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        JsonElement unit = await JsonAsync(await OpenAIAsync($$"""{"input": "{{uri}}", "normalize": true}"""));
        Assert.Equal(1, unit.GetProperty("data")[0].GetProperty("embedding").Deserialize<float[]>()!.Sum(x => (double)x * x), 1e-6);
    }

    [Theory]
    [InlineData("""{"input": "IMAGE", "dimensions": 16}""", 400, "dimensions")]
    [InlineData("""{"input": "IMAGE", "model": "other"}""", 404, "model")]
    [InlineData("""{"input": "IMAGE", "modality": "text"}""", 400, "modality")]
    [InlineData("""{"input": "IMAGE", "encoding_format": "hex"}""", 400, "encoding_format")]
    [InlineData("""{"input": []}""", 400, "input")]
    [InlineData("""{"input": [1, 2]}""", 400, "input")]
    [InlineData("""{"input": {"image": "IMAGE"}}""", 400, "input")]
    [InlineData("""{"input": "IMAGE", "messages": []}""", 400, "input")]
    [InlineData("""{}""", 400, "input")]
    [InlineData("""{"messages": [{"role": "user", "content": "a cat"}]}""", 400, "messages")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "audio"}]}]}""", 400, "messages")]
    [InlineData("""{"input": "IMAGE", "input": "IMAGE"}""", 400, null)]
    [InlineData("""{"input": "\ud800"}""", 400, null)]
    [InlineData("""{"input": ["IMAGE", "\udc00\ud800"]}""", 400, null)]
    [InlineData("""{"input": "http:\ud83dA"}""", 400, null)]
    [InlineData("""{"input": "IMAGE", "model": "\ude00"}""", 400, null)]
    [InlineData("""{"input": "IMAGE", "\ud800": 1}""", 400, null)]
    [InlineData("""{"input": "IMAGE", "model": "\ud83d\ude00"}""", 404, "model")] // both halves
    [InlineData("""{"input": "IMAGE", "model": "\\ud83d"}""", 404, "model")] // no escape
    [InlineData("""{"messages": [{"role": "user", "content": "\ud800"}]}""", 400, null)]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "text", "text": "\ud800"}]}]}""", 400, null)]
    [InlineData("""{"input": """, 400, null)]
    [InlineData("""["IMAGE"]""", 400, null)]
    [InlineData("""{"input": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}""", 400, null)]
    public async Task Request_for_what_cannot_be_done_is_refused(string json, int status, string? parameter)
    {
        HttpResponseMessage answer =
            await OpenAIAsync(json.Replace("IMAGE", ServerFixture.DataUri(ServerFixture.Rocket), StringComparison.Ordinal));
        Assert.Equal(status, (int)answer.StatusCode);
        JsonElement error = (await JsonAsync(answer)).GetProperty("error");
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Equal(parameter, error.GetProperty("param").GetString());
        Assert.DoesNotContain("(line ,", error.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("/v1/embeddings", "input")]
    [InlineData("/v1/embeddings", "model")]
    [InlineData("/v1/search", "input")]
    public async Task Text_that_is_no_unicode_is_refused(string url, string member)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes($$"""{"{{member}}": "a"""), 0xC3, 0x28, .. "\"}"u8];
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        HttpResponseMessage answer = await PostAsync(url, content, null);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("invalid_json", (await JsonAsync(answer)).GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Picture_that_cannot_be_read_is_named_and_the_others_are_answered()
    {
        float[] rocket = await PlainAsync(ServerFixture.Rocket);
        byte[] cut = (await File.ReadAllBytesAsync(ServerFixture.Rocket))[..1000];
        string good = ServerFixture.DataUri(ServerFixture.Rocket);
        string[] bad =
            ["data:image/jpeg;base64," + Convert.ToBase64String(cut), "data:image/jpeg;base64,@@", "http://127.0.0.1/x.jpg", "x"];
        HttpResponseMessage answer = await OpenAIAsync(JsonSerializer.Serialize(new { input = (string[])[.. bad, good] }));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        JsonElement json = await JsonAsync(answer);
        JsonElement data = Assert.Single(json.GetProperty("data").EnumerateArray());
        Assert.Equal(4, data.GetProperty("index").GetInt32());
        Assert.Equal(rocket, data.GetProperty("embedding").Deserialize<float[]>());
        Assert.Equal("input[0]", json.GetProperty("error").GetProperty("param").GetString());
        Assert.Equal(
            [(0, "truncated"), (1, "invalid_base64"), (2, "url_not_allowed"), (3, "not_an_image")],
            json.GetProperty("error").GetProperty("errors").EnumerateArray()
                .Select(error => (error.GetProperty("index").GetInt32(), error.GetProperty("code").GetString()!)));

        using MultipartFormDataContent form = Form(Two);
        form.Add(new ByteArrayContent(cut), "files", "../../cut.jpg");
        answer = await PostAsync("/embed?output=mean", form, "application/x-npy, application/json; q=0.1");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        json = await JsonAsync(answer);
        Assert.Equal(2, json.GetProperty("embeddings").GetArrayLength());
        JsonElement named = Assert.Single(json.GetProperty("errors").EnumerateArray());
        Assert.Equal(2, named.GetProperty("index").GetInt32());
        Assert.Equal("../../cut.jpg", named.GetProperty("name").GetString());
        Assert.Equal("truncated", named.GetProperty("reason").GetString());
    }

    [Theory]
    [InlineData("/embed?output=nothing", null, 400, "invalid_request")]
    [InlineData("/embed?output=last9", null, 400, "invalid_request")]
    [InlineData("/embed?output=registers", null, 400, "invalid_request")]
    [InlineData("/embed?output=multiscale:1,1,1,1,1", null, 400, "invalid_request")] // work without an end
    [InlineData("/embed?output=multiscale:1,2.01", null, 400, "invalid_request")]
    [InlineData("/embed?output=multiscale:0.01", null, 400, "invalid_request")]
    [InlineData("/embed?normalize=perhaps", null, 400, "invalid_request")]
    [InlineData("/embed", "text/html", 406, "not_acceptable")]
    [InlineData("/attention?head=99", null, 400, "invalid_request")]
    [InlineData("/attention?layer=99", null, 400, "invalid_request")]
    [InlineData("/attention?overlay=2", null, 400, "invalid_request")]
    [InlineData("/attention?map=jet", null, 400, "invalid_request")]
    public async Task Wrong_parameters_are_refused(string url, string? accept, int status, string reason)
    {
        HttpResponseMessage answer = await PostAsync(url, new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)), accept);
        Assert.Equal(status, (int)answer.StatusCode);
        JsonElement problem = await JsonAsync(answer);
        Assert.Equal(reason, problem.GetProperty("reason").GetString());
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
    }

    [Theory]
    [InlineData("", "application/json", 415)]
    [InlineData("", "image/jpeg", 400)]
    [InlineData("no form", "multipart/form-data", 400)]
    [InlineData("no form", "multipart/form-data; boundary=x", 400)]
    [InlineData("--x\r\nContent-Disposition: form-data; name=a\r\n\r\nfield\r\n--x--\r\n", "multipart/form-data; boundary=x", 400)]
    [InlineData("--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\ncut", "multipart/form-data; boundary=x", 400)]
    public async Task Bodies_that_are_no_pictures_are_refused(string body, string type, int status)
    {
        using var content = new StringContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        Assert.Equal(status, (int)(await PostAsync("/embed", content, null)).StatusCode);
    }

    [Theory]
    [InlineData("mean", "")]
    [InlineData("1", "&layer=0&map=inferno")]
    [InlineData("rollout", "")]
    public async Task Attention_has_the_bytes_of_the_command(string head, string more)
    {
        using var folder = new TemporaryFolder();
        string[] options = more.Length == 0 ? [] : ["--layer", "0", "--map", "inferno"];
        CliResult run = await CliRunner.RunAsync(
            ["attention", ServerFixture.Rocket, "-w", CliRunner.TinyWeights, "--device", "cpu", "--size", "32", "--head", head,
                "-o", folder.Root, .. options]);
        Assert.True(run.ExitCode == 0, run.Error);
        HttpResponseMessage answer = await PostAsync(
            $"/attention?head={head}{more}", new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)), null);
        Assert.Equal("image/png", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(await File.ReadAllBytesAsync(Assert.Single(folder.Files)), await BytesAsync(answer));
    }

    [Fact]
    public async Task Many_clients_get_the_bytes_of_one_alone()
    {
        byte[][] files = [.. Two.Select(File.ReadAllBytes)];
        float[][] expected = [await PlainAsync(Two[0]), await PlainAsync(Two[1])];
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async client =>
        {
            for (int i = 0; i < 8; i++)
            {
                HttpResponseMessage answer = await PostAsync("/embed", new ByteArrayContent(files[(client + i) % 2]), null);
                JsonElement json = await JsonAsync(answer);
                Assert.Equal(
                    expected[(client + i) % 2], json.GetProperty("embeddings")[0].GetProperty("embedding").Deserialize<float[]>());
            }
        }));
    }

    private static MultipartFormDataContent Form(IEnumerable<string> files)
    {
        var form = new MultipartFormDataContent();
        foreach (string file in files)
            form.Add(new ByteArrayContent(File.ReadAllBytes(file)), "files", Path.GetFileName(file));
        form.Add(new StringContent("a field"), "note");
        return form;
    }

    private static async Task<byte[]> BytesAsync(HttpResponseMessage answer)
    {
        byte[] bytes = await answer.Content.ReadAsByteArrayAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, Encoding.UTF8.GetString(bytes));
        return bytes;
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

    private async Task<float[]> PlainAsync(string file)
    {
        HttpResponseMessage answer = await PostAsync("/embed", new ByteArrayContent(await File.ReadAllBytesAsync(file)), null);
        return (await JsonAsync(answer)).GetProperty("embeddings")[0].GetProperty("embedding").Deserialize<float[]>()!;
    }

    private Task<HttpResponseMessage> OpenAIAsync(string json) =>
        fixture.Client.PostAsync("/v1/embeddings", new StringContent(json, Encoding.UTF8, "application/json"));

    private Task<HttpResponseMessage> PostAsync(string url, HttpContent content, string? accept)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = content };
        if (accept is not null)
            request.Headers.Add("Accept", accept);
        return fixture.Client.SendAsync(request);
    }
}
