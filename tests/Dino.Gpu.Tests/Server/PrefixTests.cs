using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dino.Gpu.Tests.Server.Page;
using Dino.Gpu.Tests.Support;
using Microsoft.AspNetCore.Builder;

namespace Dino.Gpu.Tests.Server;

/// <summary>A program may map the endpoints below a prefix.</summary>
[Collection(nameof(PageCollection))]
public sealed class PrefixTests(PageServer server)
{
    [Theory]
    [InlineData("/dino", "/dino/v1/search")]
    [InlineData("/some/place", "/some/place/v1/search/?k=1")]
    [InlineData("/a%20place", "/a%20place/V1/%73earch")]
    public async Task Urls_of_pictures_are_below_it(string prefix, string path)
    {
        SourceTree.Require();
        (WebApplication app, Uri address) = await server.StartAsync(prefix: Uri.UnescapeDataString(prefix));
        await using (app)
        {
            using var client = new HttpClient { BaseAddress = address };
            while ((await client.GetAsync($"{address}/health/ready")).StatusCode == HttpStatusCode.ServiceUnavailable)
                await Task.Delay(20, TestContext.Current.CancellationToken); // the index is being opened
            byte[] picture = await File.ReadAllBytesAsync(PageServer.Picture("samples/rocket.jpg"));
            HttpResponseMessage answer = await client.PostAsync(path, new ByteArrayContent(picture));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            JsonElement hit = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0];
            Assert.Equal($"{prefix}/v1/index/samples%2Frocket.jpg", hit.GetProperty("url").GetString());
            Assert.Equal(picture, await client.GetByteArrayAsync(hit.GetProperty("url").GetString()));
        }
    }
}
