using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Tests.Server.Otlp;

/// <summary>
/// What receives telemetry in the place of a collector: OTLP 1.x over gRPC on one port and over HTTP with protobuf on
/// another, and whatever is sent is read by the field numbers of opentelemetry-proto.
/// </summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private const int FrameHead = 5; // gRPC's: a flag, and the length

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Path, string Key, ProtoMessage Request)> _received = [];

    private OtlpCollector(WebApplication app) => _app = app;

    /// <summary>Where it listens for gRPC.</summary>
    public string GrpcAddress => _app.Urls.First();

    /// <summary>Where it listens for HTTP.</summary>
    public string HttpAddress => _app.Urls.Last();

    /// <summary>The values of the header <c>x-collector-key</c> that came with requests, and the paths of these.</summary>
    public IEnumerable<(string Path, string Key)> Requests => _received.Select(one => (one.Path, one.Key));

    /// <summary>Spans, each with its scope and its resource.</summary>
    public OtlpSpan[] Spans =>
    [
        .. from resource in Resources("race")
           from scope in resource.Messages(2)
           from span in scope.Messages(2)
           select new OtlpSpan(
               ServiceOf(resource),
               scope.Messages(1).Single().Text(1),
               span.Text(5),
               Convert.ToHexString(span.Bytes(1)),
               Convert.ToHexString(span.Bytes(2)),
               Convert.ToHexString(span.Bytes(4)),
               [.. span.Messages(13).Select(link => Convert.ToHexString(link.Bytes(2)))]),
    ];

    /// <summary>The services, scopes, names and last values of metrics: of histograms their counts.</summary>
    public (string Service, string Scope, string Name, ulong Count)[] Metrics =>
    [
        .. from resource in Resources("metrics")
           from scope in resource.Messages(2)
           from metric in scope.Messages(2)
           let points = metric.Messages(9).SelectMany(histogram => histogram.Messages(1)).ToArray()
           select (ServiceOf(resource), scope.Messages(1).Single().Text(1), metric.Text(1),
               points.Aggregate(0ul, (sum, point) => sum + point.Whole(4))),
    ];

    /// <summary>The lines of logs.</summary>
    public string[] Lines =>
    [
        .. from resource in Resources("logs")
           from scope in resource.Messages(2)
           from line in scope.Messages(2)
           select line.Messages(5).Single().Text(1),
    ];

    /// <summary>Starts one on free ports of this machine.</summary>
    public static async Task<OtlpCollector> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Logging.ClearProviders();
        var collector = new OtlpCollector(builder.Build());
        collector._app.MapPost("/{**path}", collector.ReceiveAsync);
        await collector._app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static string ServiceOf(ProtoMessage resource) =>
        resource.Messages(1).Single().Messages(1).Single(attribute => attribute.Text(1) == "service.name").Messages(2).Single().Text(1);

    /// <summary>The first field of every request of a kind: what one resource has sent.</summary>
    private IEnumerable<ProtoMessage> Resources(string kind) => _received
        .Where(one => one.Path.Contains(kind, StringComparison.OrdinalIgnoreCase))
        .SelectMany(one => one.Request.Messages(1));

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        byte[] bytes = body.ToArray();
        bool isGrpc = context.Request.ContentType == "application/grpc";
        if (isGrpc)
        {
            Assert.Equal(0, bytes[0]); // not compressed
            Assert.Equal(bytes.Length - FrameHead, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(1)));
            bytes = bytes[FrameHead..];
        }

        _received.Enqueue((context.Request.Path, context.Request.Headers["x-collector-key"].ToString(), ProtoMessage.Parse(bytes)));
        context.Response.ContentType = isGrpc ? "application/grpc" : "application/x-protobuf";
        if (!isGrpc)
            return;
        await context.Response.Body.WriteAsync(new byte[FrameHead]); // an empty answer
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
