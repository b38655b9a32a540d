using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server;
using Dino.Gpu.Server.Http;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Server.Rpc;
using Dino.Gpu.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Tests.Server;

/// <summary>Search, changes of the index, and the pictures that are shown.</summary>
[Collection(nameof(ServerCollection))]
public sealed class IndexTests(ServerFixture fixture)
{
    [Fact]
    public async Task Picture_finds_itself_and_so_does_its_vector()
    {
        byte[] rocket = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        JsonElement[] hits = await HitsAsync(fixture.Client.PostAsync("/v1/search?k=2", new ByteArrayContent(rocket)));
        Assert.Equal(2, hits.Length);
        Assert.Equal("in/rocket.jpg", hits[0].GetProperty("id").GetString());
        Assert.Equal(1, hits[0].GetProperty("score").GetDouble(), 1e-6);
        Assert.Equal("/v1/index/in%2Frocket.jpg", hits[0].GetProperty("url").GetString());

        string uri = ServerFixture.DataUri(ServerFixture.Rocket);
        Assert.Equal("in/rocket.jpg", (await HitsAsync(
            fixture.Client.PostAsJsonAsync("/v1/search", new { input = uri })))[0].GetProperty("id").GetString());
        HttpResponseMessage asked = await fixture.Client.PostAsync("/embed", new ByteArrayContent(rocket));
        JsonElement embedded = await asked.Content.ReadFromJsonAsync<JsonElement>();
        float[] vector = embedded.GetProperty("embeddings")[0].GetProperty("embedding").Deserialize<float[]>()!;
        Assert.Equal("in/rocket.jpg", (await HitsAsync(
            fixture.Client.PostAsJsonAsync("/v1/search", new { embedding = vector, k = 1 })))[0].GetProperty("id").GetString());
        foreach (object wrong in (object[])[
            new { embedding = vector[..^1] }, new { embedding = vector, k = 0 }, new { embedding = "x" }, new { k = 1 }])
            Assert.Equal(HttpStatusCode.BadRequest, (await fixture.Client.PostAsJsonAsync("/v1/search", wrong)).StatusCode);
        string infinite = $"{{\"embedding\": [1e39, {string.Join(", ", vector[1..].Select(_ => 1))}]}}";
        HttpResponseMessage refused = await fixture.Client.PostAsync(
            "/v1/search", new StringContent(infinite, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("expected finite numbers, found Infinity at index 0", await refused.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("new.jpg")]
    [InlineData("a%2Fb%2525%20c?.jpg")]
    public async Task What_is_put_is_found_and_what_is_deleted_is_not(string name)
    {
        string id = Uri.UnescapeDataString(name);
        string url = "/v1/index/" + Uri.EscapeDataString(id);
        byte[] picture = await File.ReadAllBytesAsync(GoldenData.Image("palette.png"));
        Assert.Equal(HttpStatusCode.Created, (await fixture.Client.PutAsync(url, new ByteArrayContent(picture))).StatusCode);
        HttpResponseMessage again = await fixture.Client.PutAsync(url, new ByteArrayContent(picture));
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        int count = (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("count").GetInt32();
        JsonElement[] hits = await HitsAsync(fixture.Client.PostAsync("/v1/search?k=100", new ByteArrayContent(picture)));
        Assert.Equal(count, hits.Length);
        Assert.Equal(id, hits[0].GetProperty("id").GetString());
        Assert.NotEqual(id, hits[1].GetProperty("id").GetString());
        using (var saved = VectorIndex.Open(fixture.IndexPath)) // before the answer, not at some time
        {
            Assert.Equal(count, saved.Count);
            Assert.True(saved.Contains(id));
        }

        Assert.Equal(HttpStatusCode.OK, (await fixture.Client.DeleteAsync(url)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await fixture.Client.DeleteAsync(url)).StatusCode);
        using (var saved = VectorIndex.Open(fixture.IndexPath))
            Assert.False(saved.Contains(id));
    }

    [Fact]
    public async Task What_changes_nothing_leaves_the_file_to_others()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Path("own.dinoidx");
        VectorIndex.CreateFile(path, 48).Dispose();
        await using TestServer server = await TestServer.StartAsync(
            options => options.Index = cancellation => VectorIndex.Open(path, cancellation));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.DeleteAsync("/v1/index/none")).StatusCode);
        using var other = VectorIndex.Open(path);
        other.Add("of another", new float[48]);
        other.Save();
    }

    [Fact]
    public async Task Value_that_an_index_of_float16_cannot_hold_is_named()
    {
        await using TestServer server = await TestServer.StartAsync(
            options => options.Index = _ => VectorIndex.Create(48, FloatType.Float16));
        float[] vector = new float[48];
        vector[7] = 70_000;
        HttpResponseMessage answer = await server.Client.PutAsJsonAsync("/v1/index/large", new { embedding = vector });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("70000 does not fit float16", await answer.Content.ReadAsStringAsync());
        vector[7] = 65_504;
        Assert.Equal(
            HttpStatusCode.Created, (await server.Client.PutAsJsonAsync("/v1/index/large", new { embedding = vector })).StatusCode);

        // The same of an answer.
        using DinoEncoderGroup encoder = DinoEncoderGroup.Load(Cli.CliRunner.TinyWeights, TestServer.Model);
        RequestFailure failure = await Assert.ThrowsAsync<RequestFailure>(() => VectorAnswer.WriteAsync(
            new DefaultHttpContext(),
            [new PictureResult(0, null, [1, -70_000], null)],
            OutputChoice.Of(null, normalize: false, encoder),
            new VectorFormat(VectorContainer.Npy, IsHalf: true),
            new DinoServerOptions()));
        Assert.Equal(422, failure.Status);
        Assert.Contains("-70000 does not fit float16", failure.Message);
    }

    [Fact]
    public async Task Many_changes_at_once_are_all_saved()
    {
        float[] vector = new float[48];
        string[] ids = [.. Enumerable.Range(0, 40).Select(i => $"many-{i}")];
        await Task.WhenAll(ids.Select(async (id, i) =>
        {
            float[] own = [.. vector];
            own[i] = 1;
            HttpResponseMessage answer = await fixture.Client.PutAsJsonAsync($"/v1/index/{id}", new { embedding = own });
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }));
        using (var saved = VectorIndex.Open(fixture.IndexPath))
            Assert.All(ids, id => Assert.True(saved.Contains(id)));
        await Task.WhenAll(ids.Select(id => fixture.Client.DeleteAsync($"/v1/index/{id}")));
        using (var saved = VectorIndex.Open(fixture.IndexPath))
            Assert.All(ids, id => Assert.False(saved.Contains(id)));
    }

    [Fact]
    public async Task Pictures_of_the_index_are_shown_and_no_other_file()
    {
        HttpResponseMessage shown = await fixture.Client.GetAsync("/v1/index/in%2Frocket.jpg");
        Assert.Equal(HttpStatusCode.OK, shown.StatusCode);
        Assert.Equal("image/jpeg", shown.Content.Headers.ContentType!.MediaType);
        Assert.Equal(await File.ReadAllBytesAsync(ServerFixture.Rocket), await shown.Content.ReadAsByteArrayAsync());
        Assert.Equal(HttpStatusCode.OK, (await fixture.Client.GetAsync("/v1/index/in/rocket.jpg")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await fixture.Client.GetAsync("/V1/Index/in/rocket.jpg")).StatusCode); // as routes are

        // A client that puts an id does not choose a file by it, not even if it deletes the id and comes again.
        var vector = new { embedding = new float[48] };
        const string chosen = "/v1/index/not-indexed.jpg";
        for (int time = 0; time < 2; time++)
        {
            Assert.Equal(HttpStatusCode.Created, (await fixture.Client.PutAsJsonAsync(chosen, vector)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await fixture.Client.PutAsJsonAsync(chosen, vector)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await fixture.Client.GetAsync(chosen)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await fixture.Client.DeleteAsync(chosen)).StatusCode);
        }

        foreach (string id in (string[])[
            "not-indexed.jpg", // below the folder, but not in the index
            "text.txt", // in the index, and no picture
            "link.jpg", // leads out of the folder
            "../outside.jpg",
            Path.Combine(Path.GetDirectoryName(fixture.IndexPath)!, "outside.jpg"),
            "gone.jpg",
            "/etc/passwd",
            "in/../../outside.jpg",
            "..%2Foutside.jpg"])
        {
            HttpResponseMessage answer = await fixture.Client.GetAsync("/v1/index/" + Uri.EscapeDataString(id));
            Assert.True(answer.StatusCode == HttpStatusCode.NotFound, $"{id}: {answer.StatusCode}");
        }

        foreach (string target in (string[])[
            "/v1/index/../../outside.jpg", "/v1/index/%2e%2e/outside.jpg", "/v1/index/in/rocket.jpg%00.png",
            "/page/../index.html", "/page/%2e%2e%2fDino.Gpu.dll", "/page/..\\..\\x"])
        {
            string raw = await fixture.Server.RawAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            Assert.Matches("^HTTP/1.1 (400|404) ", raw);
        }
    }

    [Fact]
    public async Task Index_that_is_read_only_or_missing_says_so()
    {
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.Index = _ => VectorIndex.Create(48);
            options.IsIndexWritable = false;
        });
        var vector = new { embedding = new float[48] };
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Client.PutAsJsonAsync("/v1/index/a", vector)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Client.DeleteAsync("/v1/index/a")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("/v1/index/a")).StatusCode);
        Assert.Empty(await HitsAsync(server.Client.PostAsJsonAsync("/v1/search", vector)));
    }

    [Fact]
    public async Task Index_that_is_read_only_refuses_before_a_picture_is_looked_at()
    {
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.Index = _ => VectorIndex.Create(48);
            options.IsIndexWritable = false;
        });
        byte[] none = "no picture"u8.ToArray();
        HttpResponseMessage answer = await server.Client.PutAsync("/v1/index/a", new ByteArrayContent(none));
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.StartsWith(
            "HTTP/1.1 403 ",
            await server.RawAsync("PUT /v1/index/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"), // none of which comes
            StringComparison.Ordinal);

        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var client = new Gpu.Server.Rpc.Dino.DinoClient(channel);
        RpcException failure = await Assert.ThrowsAsync<RpcException>(
            async () => await client.PutAsync(new PutRequest { Id = "a", Image = ByteString.CopyFrom(none) }));
        Assert.Equal(StatusCode.PermissionDenied, failure.StatusCode);
    }

    /// <summary>Said without where the file lies, and without filling the memory in the place of the disk.</summary>
    [Fact]
    public async Task Disk_that_is_full_refuses_changes_until_there_is_room()
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.TryMount(folder.Path("disk"), "64k");
        Assert.SkipWhen(disk is null, "a tmpfs cannot be mounted");
        string path = Path.Combine(disk.Folder, "photos.dinoidx");
        VectorIndex.CreateFile(path, 48).Dispose();
        await using TestServer server = await TestServer.StartAsync(
            options => options.Index = cancellation => VectorIndex.Open(path, cancellation));
        var saved = new List<string>();
        HttpResponseMessage answer;
        while ((answer = await PutAsync(server, $"{saved.Count}-{new string('x', 1000)}")).StatusCode == HttpStatusCode.Created)
            saved.Add($"{saved.Count}-{new string('x', 1000)}");
        await AssertUnavailableAsync(answer, folder);
        int count = await CountAsync(server);
        for (int time = 0; time < 3; time++)
            await AssertUnavailableAsync(await PutAsync(server, $"more{time}"), folder);
        await AssertUnavailableAsync(await server.Client.DeleteAsync($"/v1/index/{saved[0]}"), folder);
        Assert.Equal(count, await CountAsync(server));

        disk.Resize("1m");
        Assert.Equal(HttpStatusCode.Created, (await PutAsync(server, "last")).StatusCode);
        using var index = VectorIndex.Open(path);
        Assert.All(saved.Append("last"), id => Assert.True(index.Contains(id)));
    }

    [Fact]
    public async Task Index_that_another_process_writes_refuses_changes()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Path("photos.dinoidx");
        VectorIndex.CreateFile(path, 48).Dispose();
        await using TestServer server = await TestServer.StartAsync(
            options => options.Index = cancellation => VectorIndex.Open(path, cancellation));
        using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            await AssertUnavailableAsync(await PutAsync(server, "a"), folder);
        Assert.Equal(0, await CountAsync(server));
        Assert.Equal(HttpStatusCode.Created, (await PutAsync(server, "a")).StatusCode);
        using (var other = VectorIndex.Open(path))
        {
            other.Add("b", new float[48]);
            other.Save();
        }

        await AssertUnavailableAsync(await PutAsync(server, "c"), folder);
        using var index = VectorIndex.Open(path);
        Assert.Equal([true, true, false], ((string[])["a", "b", "c"]).Select(index.Contains));
    }

    private static Task<HttpResponseMessage> PutAsync(TestServer server, string id) =>
        server.Client.PutAsJsonAsync($"/v1/index/{id}", new { embedding = new float[48] });

    private static async Task<int> CountAsync(TestServer server) =>
        (await server.Client.GetFromJsonAsync<JsonElement>("/info")).GetProperty("index").GetProperty("count").GetInt32();

    private static async Task AssertUnavailableAsync(HttpResponseMessage answer, TemporaryFolder folder)
    {
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Single(answer.Headers.GetValues("Retry-After"));
        string text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"index_unavailable\"", text);
        Assert.DoesNotContain(folder.Path("photos.dinoidx"), text);
        Assert.DoesNotContain("disk", text);
    }

    private static async Task<JsonElement[]> HitsAsync(Task<HttpResponseMessage> asked)
    {
        HttpResponseMessage answer = await asked;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return [.. (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").EnumerateArray()];
    }
}
