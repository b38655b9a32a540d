using System.Net;
using System.Net.Http.Headers;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Dino.Gpu.Tests.Server;

/// <summary>The gRPC service: the same answers.</summary>
[Collection(nameof(ServerCollection))]
public sealed class RpcTests(ServerFixture fixture)
{
    [Fact]
    public async Task Answers_are_those_of_the_encoder_and_of_the_index()
    {
        using var channel = GrpcChannel.ForAddress(fixture.Server.GrpcAddress);
        var client = new Gpu.Server.Rpc.Dino.DinoClient(channel);
        using DinoEncoderGroup encoder = DinoEncoderGroup.Load(Cli.CliRunner.TinyWeights, TestServer.Model);
        ByteString rocket = ByteString.CopyFrom(await File.ReadAllBytesAsync(ServerFixture.Rocket));

        EmbedResponse embedded = await client.EmbedAsync(new EmbedRequest { Images = { rocket, ByteString.CopyFromUtf8("no picture") } });
        Assert.Equal(encoder.Embed(ServerFixture.Rocket), embedded.Embeddings[0].Values);
        Assert.Equal("not_an_image", embedded.Embeddings[1].Error.Reason);
        Assert.Equal([48], embedded.Shape);

        using AsyncDuplexStreamingCall<EmbedRequest, EmbedResponse> stream = client.EmbedStream();
        for (int i = 0; i < 3; i++)
            await stream.RequestStream.WriteAsync(new EmbedRequest { Images = { rocket }, Output = "mean" });
        await stream.RequestStream.CompleteAsync();
        int answers = 0;
        await foreach (EmbedResponse answer in stream.ResponseStream.ReadAllAsync())
            answers += answer.Embeddings.Count;
        Assert.Equal(3, answers);

        SearchResponse found = await client.SearchAsync(new SearchRequest { Image = rocket, K = 1 });
        Assert.Equal("in/rocket.jpg", Assert.Single(found.Hits).Id);
        ChangeResponse put = await client.PutAsync(new PutRequest { Id = "rpc", Image = rocket });
        Assert.Equal(put.Count - 1, (await client.DeleteAsync(new DeleteRequest { Id = "rpc" })).Count);
        HttpResponseMessage png = await fixture.Client.PostAsync(
            "/attention?head=all", new ByteArrayContent(await File.ReadAllBytesAsync(ServerFixture.Rocket)));
        Assert.Equal(
            await png.Content.ReadAsByteArrayAsync(),
            (await client.AttentionAsync(new AttentionRequest { Image = rocket, Head = "all" })).Png.ToByteArray());
    }

    [Fact]
    public async Task Refusals_have_their_status_and_reason()
    {
        using var channel = GrpcChannel.ForAddress(fixture.Server.GrpcAddress);
        var client = new Gpu.Server.Rpc.Dino.DinoClient(channel);
        RpcException failure = await Assert.ThrowsAsync<RpcException>(async () => await client.EmbedAsync(new EmbedRequest()));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        failure = await Assert.ThrowsAsync<RpcException>(async () => await client.DeleteAsync(new DeleteRequest { Id = "none" }));
        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
        Assert.Equal("not_found", failure.Trailers.GetValue("dino-reason"));
        failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await client.EmbedAsync(new EmbedRequest { Images = { ByteString.CopyFrom(new byte[ServerFixture.MaxBody + 1]) } }));
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);

        using var folder = new Support.TemporaryFolder();
        string keys = folder.Write("keys", new string('k', 20));
        await using TestServer closed = await TestServer.StartAsync(options => options.ApiKeyFile = keys);
        using var stranger = GrpcChannel.ForAddress(closed.GrpcAddress);
        var rpc = new Gpu.Server.Rpc.Dino.DinoClient(stranger);
        failure = await Assert.ThrowsAsync<RpcException>(async () => await rpc.EmbedAsync(new EmbedRequest()));
        Assert.Equal(StatusCode.Unauthenticated, failure.StatusCode);
        var headers = new Metadata { { "authorization", "Bearer " + new string('k', 20) } };
        failure = await Assert.ThrowsAsync<RpcException>(async () => await rpc.EmbedAsync(new EmbedRequest(), headers));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
    }

    [Fact]
    public async Task Message_is_counted_and_timed_while_it_arrives()
    {
        const int part = 200_000;
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.MaxBodyBytes = 1 << 20;
            options.MaxBufferedBytes = 1 << 22;
            options.BodyTimeout = TimeSpan.FromSeconds(1);
        });
        BodyMemory memory = server.Services.GetRequiredService<BodyMemory>();
        using var handler = new SocketsHttpHandler();
        using var http = new HttpClient(handler) { BaseAddress = server.GrpcAddress };

        // A message of a megabyte, of which a part comes and no more.
        foreach (string method in (string[])["Embed", "EmbedStream"])
        {
            using var leave = new CancellationTokenSource();
            Task<HttpResponseMessage> asked = http.SendAsync(
                Call(method, new Stalling([0, 0, 0x0F, 0, 0, .. new byte[part]], leave.Token)), HttpCompletionOption.ResponseHeadersRead);
            for (long start = Environment.TickCount64; memory.Used < part && !asked.IsCompleted; await Task.Delay(5))
                Assert.True(Environment.TickCount64 - start < 60_000, $"{method}: {memory.Used} bytes are counted");
            using HttpResponseMessage answer = await asked;
            Assert.Equal($"{(int)StatusCode.DeadlineExceeded}", await TrailerAsync(answer, "grpc-status"));
            Assert.Equal("body_too_slow", await TrailerAsync(answer, "dino-reason"));
            await leave.CancelAsync();
            await NothingIsHeldAsync();
        }

        // Others hold nearly all: the message is refused while it arrives.
        using (BodyMemory.Lease others = memory.Begin())
        {
            others.Take((1 << 22) - part / 2);
            using var leave = new CancellationTokenSource();
            using HttpResponseMessage answer = await http.SendAsync(
                Call("Embed", new Stalling([0, 0, 0x0F, 0, 0, .. new byte[part]], leave.Token)), HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal($"{(int)StatusCode.ResourceExhausted}", await TrailerAsync(answer, "grpc-status"));
            Assert.Equal("busy", await TrailerAsync(answer, "dino-reason"));
            await leave.CancelAsync();
        }

        await NothingIsHeldAsync();

        // A stream gives memory back with each answer, and may rest between two messages.
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var client = new Gpu.Server.Rpc.Dino.DinoClient(channel);
        ByteString rocket = ByteString.CopyFrom(await File.ReadAllBytesAsync(ServerFixture.Rocket));
        using AsyncDuplexStreamingCall<EmbedRequest, EmbedResponse> stream = client.EmbedStream();
        for (int i = 0; i < 2; i++)
        {
            await stream.RequestStream.WriteAsync(new EmbedRequest { Images = { rocket } });
            Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None));
            await NothingIsHeldAsync();
            await Task.Delay(i == 0 ? 1200 : 0);
        }

        await stream.RequestStream.CompleteAsync();
        Assert.False(await stream.ResponseStream.MoveNext(CancellationToken.None));

        async Task NothingIsHeldAsync()
        {
            for (long start = Environment.TickCount64; memory.Used != 0; await Task.Delay(5))
                Assert.True(Environment.TickCount64 - start < 60_000, $"{memory.Used} bytes are held");
        }
    }

    /// <summary>A call without a client of gRPC, which lets a test send what such a client does not.</summary>
    internal static HttpRequestMessage Call(string method, HttpContent content)
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

    /// <summary>A trailer, which comes with the headers if there is no message.</summary>
    private static async Task<string?> TrailerAsync(HttpResponseMessage answer, string name)
    {
        await answer.Content.ReadAsByteArrayAsync();
        return (answer.TrailingHeaders.TryGetValues(name, out IEnumerable<string>? values)
            || answer.Headers.TryGetValues(name, out values) ? values : []).SingleOrDefault();
    }

    /// <summary>A body that sends some bytes and does not end before it is told to.</summary>
    private sealed class Stalling(byte[] bytes, CancellationToken leave) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes, CancellationToken.None);
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
