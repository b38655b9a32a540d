using Dino.Gpu.Server.Rpc;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

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
}
