using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using Dino.Gpu.Features;
using Dino.Gpu.Tests.Server.Page;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary><c>POST /attention</c> where values are asked for.</summary>
[Collection(nameof(PageCollection))]
public sealed class AttentionValuesTests(PageServer server)
{
    [Theory]
    [InlineData("all", "(3, 4, 4)")]
    [InlineData("mean", "(1, 4, 4)")]
    [InlineData("1", "(1, 4, 4)")]
    public async Task Maps_come_as_an_array_in_the_order_of_dino_attention(string head, string shape)
    {
        SourceTree.Require();
        string file = PageServer.Picture("samples/rocket.jpg");
        using var client = new HttpClient { BaseAddress = server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, $"attention?head={head}")
        {
            Content = new ByteArrayContent(await File.ReadAllBytesAsync(file)),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-npy"));
        using HttpResponseMessage answer = await client.SendAsync(request);
        byte[] npy = await answer.Content.ReadAsByteArrayAsync();
        Assert.Equal("application/x-npy", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains($"'shape': {shape}", System.Text.Encoding.Latin1.GetString(npy, 0, 128), StringComparison.Ordinal);

        AttentionMap map = server.Encoder.AttentionMaps([server.Encoder.Prepare(file)])[0];
        float[] expected = head switch
        {
            "all" => [.. map.Mean(), .. map.Values],
            "mean" => map.Mean(),
            _ => map.Head(int.Parse(head, System.Globalization.CultureInfo.InvariantCulture)).ToArray(),
        };
        Assert.Equal(MemoryMarshal.AsBytes<float>(expected).ToArray(), npy[^(expected.Length * sizeof(float))..]);
    }
}
