using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary>Ids in paths, however they are written.</summary>
public sealed class IndexIdTests
{
    /// <summary>Names of files may have them, so an index may.</summary>
    [Fact]
    public async Task Id_with_control_characters_that_a_search_lists_is_taken()
    {
        const string id = "in\n\u001b[31m.jpg";
        using var folder = new TemporaryFolder();
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        folder.Write(id, picture);
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.Pictures = folder.Root;
            options.Index = _ => Indexed(id);
        });
        HttpResponseMessage found = await server.Client.PostAsJsonAsync("/v1/search", new { embedding = Vector });
        JsonElement hit = (await found.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0];
        Assert.Equal(id, hit.GetProperty("id").GetString());
        string url = hit.GetProperty("url").GetString()!;
        Assert.Equal(picture, await server.Client.GetByteArrayAsync(url));
        Assert.Equal(HttpStatusCode.OK, (await server.Client.PutAsJsonAsync(url, new { embedding = Vector })).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.DeleteAsync(url)).StatusCode);

        // A client makes none.
        HttpResponseMessage refused = await server.Client.PutAsJsonAsync(url, new { embedding = Vector });
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("without control characters", await refused.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/v1/%69ndex/in/x", 200)]
    [InlineData("/%761/Inde%78/in%2Fx", 200)]
    [InlineData("/v1/index/in/x?id=y", 200)]
    [InlineData("http://localhost/v1/index/in/x", 200)]
    [InlineData("/v1/none/../index/in/x", 404)] // which segments the server took away is not known
    [InlineData("/v1/../v1/%69ndex/in/x", 200)]
    [InlineData("/v1%2Findex/in/x", 404)]
    [InlineData("/v1/./index/in/x", 404)]
    [InlineData("/v1/index/", 400)]
    [InlineData("/v1/index", 400)]
    public async Task Path_may_be_written_in_any_way(string target, int status)
    {
        await using TestServer server = await TestServer.StartAsync(options => options.Index = _ => Indexed("in/x"));
        string raw = await server.RawAsync($"DELETE {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", raw, StringComparison.Ordinal);
    }

    private static float[] Vector { get; } = [.. Enumerable.Range(1, 48)];

    private static VectorIndex Indexed(string id)
    {
        var index = VectorIndex.Create(48);
        index.Add(id, Vector);
        return index;
    }
}
