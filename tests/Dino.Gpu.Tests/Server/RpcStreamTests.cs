using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Tests.Server;

/// <summary>Calls of gRPC that do not end by themselves: the server stops, or the client leaves.</summary>
public sealed class RpcStreamTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20); // less than those under way may take to end

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Stream_that_rests_does_not_keep_the_server(int messages)
    {
        await using TestServer server = await TestServer.StartAsync();
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var client = new Gpu.Server.Rpc.Dino.DinoClient(channel);
        using AsyncDuplexStreamingCall<EmbedRequest, EmbedResponse> stream = client.EmbedStream();
        for (int i = 0; i < messages; i++)
        {
            await stream.RequestStream.WriteAsync(await RocketAsync());
            Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None));
        }

        await Task.Delay(messages == 0 ? 500 : 0); // until the call is there
        Task stopped = server.StopAsync();
        RpcException failure =
            await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Limit));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.Equal("stopping", failure.Trailers.GetValue("dino-reason"));
        await stopped.WaitAsync(Limit);
    }

    [Fact]
    public async Task Message_that_is_under_way_is_answered_before_the_stream_ends()
    {
        await using TestServer server = await TestServer.StartAsync();
        using var http = new HttpClient { BaseAddress = server.GrpcAddress };
        byte[] message = (await RocketAsync()).ToByteArray();
        byte[] length = [0, 0, (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length];
        var goOn = new TaskCompletionSource();
        using var leave = new CancellationTokenSource();
        using var content = new Halves([.. length, .. message], goOn.Task, leave.Token);
        using HttpRequestMessage call = Call("EmbedStream", content);
        Task<HttpResponseMessage> asked = http.SendAsync(call);
        BodyMemory memory = server.Services.GetRequiredService<BodyMemory>();
        for (long start = Environment.TickCount64; memory.Used == 0; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, "nothing has arrived");
        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        await Task.Delay(200);
        goOn.SetResult();
        using HttpResponseMessage answer = await asked.WaitAsync(Limit);
        Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal($"{(int)StatusCode.Unavailable}", Assert.Single(answer.TrailingHeaders.GetValues("grpc-status")));
        await leave.CancelAsync();
    }

    /// <summary>Clients leave; nobody can mend that.</summary>
    [Theory]
    [InlineData("Embed", false)]
    [InlineData("Embed", true)]
    [InlineData("EmbedStream", false)]
    [InlineData("EmbedStream", true)]
    public async Task Client_that_leaves_within_a_message_is_no_warning(string method, bool resets)
    {
        var lines = new ConcurrentQueue<string>();
        await using TestServer server = await TestServer.StartAsync(log: (level, line) =>
        {
            if (level >= LogLevel.Warning)
                lines.Enqueue(line);
        });
        BodyMemory memory = server.Services.GetRequiredService<BodyMemory>();
        Socket? socket = null;
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpClient(handler) { BaseAddress = server.GrpcAddress };
        using var leave = new CancellationTokenSource();
        using var content = new Halves([0, 0, 0x0F, 0, 0, .. new byte[20_000]], Task.Delay(Timeout.Infinite, leave.Token), leave.Token);
        using HttpRequestMessage call = Call(method, content);
        Task<HttpResponseMessage> asked = http.SendAsync(call, leave.Token);
        for (long start = Environment.TickCount64; memory.Used == 0; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, "nothing has arrived");
        if (resets)
            socket!.Close(0);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => asked);
        for (long start = Environment.TickCount64; memory.Used != 0; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, $"{memory.Used} bytes are held");
        await server.StopAsync(); // what would be said is said then
        Assert.Empty(lines);
    }

    private static async Task<EmbedRequest> RocketAsync() =>
        new() { Images = { ByteString.CopyFrom(await File.ReadAllBytesAsync(ServerFixture.Rocket)) } };

    private static HttpRequestMessage Call(string method, HttpContent content)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        return new HttpRequestMessage(HttpMethod.Post, $"/dino.v1.Dino/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
            Headers = { { "TE", "trailers" } },
        };
    }

    /// <summary>A body in two halves, which does not end before it is told to.</summary>
    private sealed class Halves(byte[] bytes, Task goOn, CancellationToken leave) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, bytes.Length / 2), CancellationToken.None);
            await stream.FlushAsync(CancellationToken.None);
            await goOn;
            await stream.WriteAsync(bytes.AsMemory(bytes.Length / 2), CancellationToken.None);
            await stream.FlushAsync(CancellationToken.None);
            await Task.Delay(Timeout.Infinite, leave).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
