using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;

namespace Dino.Gpu.Tests.Server;

/// <summary>Messages that gRPC refuses while it reads them, before any code of the service runs.</summary>
[Collection(nameof(ServerCollection))]
public sealed class RpcMessageTests(ServerFixture fixture)
{
    private static readonly byte[] FourGigabytes = [0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0A];
    private static readonly byte[] Damaged = [0, 0, 0, 0, 3, 0xFF, 0xFF, 0xFF];
    private static readonly byte[] Larger = [0, 0, 0x10, 0, 1, .. new byte[ServerFixture.MaxBody + 1]]; // one byte too many

    [Theory]
    [InlineData("Embed")]
    [InlineData("EmbedStream")]
    [InlineData("Put")]
    public async Task Message_over_the_limit_is_too_large(string method)
    {
        foreach (byte[] message in (byte[][])[Larger, FourGigabytes])
            Assert.Equal(($"{(int)StatusCode.ResourceExhausted}", "body_too_large"), await AskAsync(method, message));
    }

    [Theory]
    [InlineData("Embed")]
    [InlineData("EmbedStream")]
    [InlineData("Put")]
    public async Task Message_that_is_no_protobuf_is_an_invalid_argument(string method) =>
        Assert.Equal(($"{(int)StatusCode.InvalidArgument}", "invalid_request"), await AskAsync(method, Damaged));

    [Theory]
    [InlineData("Embed", "gzip", 12)]
    [InlineData("EmbedStream", "gzip", 12)]
    [InlineData("Put", "gzip", -5)] // its checksum
    [InlineData("Embed", "gzip", 0)] // no gzip at all
    [InlineData("Put", "deflate", -1)]
    public async Task Packed_message_that_is_damaged_is_an_invalid_argument(string method, string encoding, int at)
    {
        byte[] packed = Pack(encoding, "no picture, but bytes that pack, and pack, and pack"u8.ToArray());
        packed[at < 0 ? packed.Length + at : at] ^= 0xFF;
        Assert.Equal(($"{(int)StatusCode.InvalidArgument}", "invalid_request"), await AskPackedAsync(method, encoding, packed));
    }

    /// <summary>A kilobyte that becomes a megabyte.</summary>
    [Theory]
    [InlineData("Embed", "gzip")]
    [InlineData("EmbedStream", "gzip")]
    [InlineData("Put", "deflate")]
    public async Task Packed_message_that_becomes_too_large_is_too_large(string method, string encoding) => Assert.Equal(
        ($"{(int)StatusCode.ResourceExhausted}", "body_too_large"),
        await AskPackedAsync(method, encoding, Pack(encoding, new byte[ServerFixture.MaxBody + 1])));

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Packed_message_is_read(string encoding)
    {
        byte[] rocket = await File.ReadAllBytesAsync(ServerFixture.Rocket, TestContext.Current.CancellationToken);
        byte[] message = new Gpu.Server.Rpc.EmbedRequest { Images = { ByteString.CopyFrom(rocket) } }.ToByteArray();
        Assert.Equal(("0", null), await AskPackedAsync("Embed", encoding, Pack(encoding, message)));
    }

    [Fact]
    public async Task Length_is_seen_however_it_is_cut()
    {
        byte[] image = [0, 0, 0, 0, 3, 0x0A, 1, 7];
        using var content = new Bytewise([.. image, .. FourGigabytes]);
        Assert.Equal(($"{(int)StatusCode.ResourceExhausted}", "body_too_large"), await AskAsync("EmbedStream", content));
    }

    private static byte[] Pack(string encoding, byte[] message)
    {
        using var packed = new MemoryStream();
        using (Stream pack = encoding == "gzip"
            ? new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)
            : new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            pack.Write(message);
        return packed.ToArray();
    }

    private async Task<(string? Status, string? Reason)> AskPackedAsync(string method, string encoding, byte[] packed)
    {
        byte[] prefix = [1, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(prefix.AsSpan(1), packed.Length);
        using var content = new ByteArrayContent([.. prefix, .. packed]);
        content.Headers.Add("grpc-encoding", encoding);
        return await AskAsync(method, content);
    }

    private async Task<(string? Status, string? Reason)> AskAsync(string method, byte[] message)
    {
        using var content = new ByteArrayContent(message);
        return await AskAsync(method, content);
    }

    private async Task<(string? Status, string? Reason)> AskAsync(string method, HttpContent content)
    {
        using var http = new HttpClient { BaseAddress = fixture.Server.GrpcAddress };
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/dino.v1.Dino/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
            Headers = { { "TE", "trailers" } },
        };
        using HttpResponseMessage answer = await http.SendAsync(request);
        await answer.Content.ReadAsByteArrayAsync();
        return (Trailer("grpc-status"), Trailer("dino-reason"));

        // A trailer comes with the headers if there is no message.
        string? Trailer(string name) => (answer.TrailingHeaders.TryGetValues(name, out IEnumerable<string>? values)
            || answer.Headers.TryGetValues(name, out values) ? values : []).SingleOrDefault();
    }

    /// <summary>A body whose bytes come one by one.</summary>
    private sealed class Bytewise(byte[] bytes) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (byte one in bytes)
            {
                await stream.WriteAsync(new[] { one });
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
