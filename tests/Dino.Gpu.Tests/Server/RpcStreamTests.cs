using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dino.Gpu.Files;
using Dino.Gpu.Server;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;
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
        // By itself: .NET's client may miss the status where the connection ends at the same time.
        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        RpcException failure =
            await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Limit));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.Equal("stopping", failure.Trailers.GetValue("dino-reason"));
        await server.StopAsync().WaitAsync(Limit);
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
        using HttpRequestMessage call = RpcTests.Call("EmbedStream", content);
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
    [InlineData("Embed", "cancels")]
    [InlineData("Embed", "closes")]
    [InlineData("Embed", "resets")]
    [InlineData("EmbedStream", "cancels")]
    [InlineData("EmbedStream", "closes")]
    [InlineData("EmbedStream", "resets")]
    public async Task Client_that_leaves_within_a_message_is_no_warning(string method, string how)
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
        const int half = 10_000;
        byte[] message = [0, 0, 0x0F, 0, 0, .. new byte[2 * half - 5]];
        Task[] asked = [.. Enumerable.Range(0, 8).Select(_ => AskAsync())]; // which of two things a call sees first is by chance
        for (long start = Environment.TickCount64; memory.Used < half * asked.Length; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, $"{memory.Used} bytes have arrived");
        if (how == "closes")
            socket!.Shutdown(SocketShutdown.Both);
        else if (how == "resets")
            socket!.Close(0);
        else
            await leave.CancelAsync();
        foreach (Task one in asked)
            await Assert.ThrowsAnyAsync<Exception>(() => one);
        for (long start = Environment.TickCount64; memory.Used != 0; await Task.Delay(5))
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, $"{memory.Used} bytes are held");
        await server.StopAsync(); // what would be said is said then
        Assert.Empty(lines);

        async Task AskAsync()
        {
            using var content = new Halves(message, Task.Delay(Timeout.Infinite, leave.Token), leave.Token);
            using HttpRequestMessage call = RpcTests.Call(method, content);
            using HttpResponseMessage answer = await http.SendAsync(call, leave.Token);
        }
    }

    /// <summary>A call sees this, or that it is canceled, by chance. gRPC logs what is no status of its own.</summary>
    [Fact]
    public async Task Connection_that_ends_within_a_message_has_a_status_of_grpc()
    {
        var options = new DinoServerOptions();
        var context = new DefaultHttpContext();
        context.Request.Body = new Broken();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => RpcBody.RunAsync(
            context,
            async call => await call.Request.Body.ReadExactlyAsync(new byte[5]),
            new BodyMemory(options),
            options,
            CancellationToken.None));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    private static async Task<EmbedRequest> RocketAsync() =>
        new() { Images = { ByteString.CopyFrom(await File.ReadAllBytesAsync(ServerFixture.Rocket)) } };

    /// <summary>The body of a connection that is gone.</summary>
    private sealed class Broken : ForwardStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(new IOException("The request stream was aborted."));

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
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
