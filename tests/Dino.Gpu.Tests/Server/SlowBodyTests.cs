using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Tests.Server;

/// <summary>A body has its minute, however it comes: Kestrel's own limit of its pace does not end it earlier.</summary>
public sealed class SlowBodyTests
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(4); // longer than Kestrel would wait here

    [Fact]
    public async Task Body_that_rests_is_read_to_its_end()
    {
        await using TestServer server = await StartAsync();
        byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"POST /embed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {picture.Length}\r\n\r\n");
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", server.Client.BaseAddress!.Port);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        await stream.WriteAsync(picture.AsMemory(0, 100));
        await Task.Delay(Rest);
        await stream.WriteAsync(picture.AsMemory(100));
        string answer = await new StreamReader(stream).ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Message_of_grpc_that_rests_is_read_and_its_connection_lives()
    {
        await using TestServer server = await StartAsync();
        using var http = new HttpClient { BaseAddress = server.GrpcAddress };
        var rocket = ByteString.CopyFrom(await File.ReadAllBytesAsync(ServerFixture.Rocket));
        byte[] message = new EmbedRequest { Images = { rocket } }.ToByteArray();
        byte[] length = [0, 0, (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length];
        using var content = new Resting([.. length, .. message]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/dino.v1.Dino/Embed")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
            Headers = { { "TE", "trailers" } },
        };
        using HttpResponseMessage answer = await http.SendAsync(request);
        Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal("0", Assert.Single(answer.TrailingHeaders.GetValues("grpc-status")));
    }

    /// <summary>A server whose Kestrel would wait a second and a half.</summary>
    private static async Task<TestServer> StartAsync()
    {
        TestServer server = await TestServer.StartAsync();
        server.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.MinRequestBodyDataRate =
            new MinDataRate(1_000_000, TimeSpan.FromSeconds(1.5));
        return server;
    }

    /// <summary>A body that rests in its middle.</summary>
    private sealed class Resting(byte[] bytes) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, 100));
            await stream.FlushAsync();
            await Task.Delay(Rest);
            await stream.WriteAsync(bytes.AsMemory(100));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
