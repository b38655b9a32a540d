using System.Net;
using Dino.Gpu.Server.Hosting;
using Microsoft.Extensions.Configuration;

namespace Dino.Gpu.Tests.Server.Otlp;

/// <summary>Metrics, traces and logs of <c>dino serve</c> come to a collector, as the standard variables say.</summary>
public sealed class OtlpTests
{
    private const int Pictures = 3;

    [Theory]
    [InlineData("grpc")]
    [InlineData("http/protobuf")]
    public async Task Metrics_and_traces_arrive_the_last_ones_at_the_end(string protocol)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("there are no signals");
        bool isGrpc = protocol == "grpc";
        string service = isGrpc ? "pictures" : "of-resource";
        await using OtlpCollector collector = await OtlpCollector.StartAsync();
        using (ServeProcess server = await ServeProcess.StartAsync(new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = isGrpc ? collector.GrpcAddress : collector.HttpAddress,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol,
            ["OTEL_EXPORTER_OTLP_HEADERS"] = "x-collector-key=secret",
            [isGrpc ? "OTEL_SERVICE_NAME" : "OTEL_RESOURCE_ATTRIBUTES"] = isGrpc ? service : $"service.name={service}",
        }))
        {
            byte[] picture = await File.ReadAllBytesAsync(ServerFixture.Rocket);
            for (int i = 0; i < Pictures; i++)
                Assert.Equal(HttpStatusCode.OK, (await server.Client.PostAsync("/embed", new ByteArrayContent(picture))).StatusCode);
            Assert.Contains("dino_gpu_queue_duration_seconds_count", await server.Client.GetStringAsync("/metrics"));
            await server.TerminateAsync();
            (int exitCode, string error) = await server.EndAsync();
            Assert.True(exitCode == 0, error);
        }

        Assert.All(collector.Requests, request => Assert.Equal("secret", request.Key));
        string[] paths = isGrpc
            ? [.. ((string[])["logs.v1.Logs", "metrics.v1.Metrics", "trace.v1.Trace"])
                .Select(signal => $"/opentelemetry.proto.collector.{signal}Service/Export")]
            : ["/v1/logs", "/v1/metrics", "/v1/traces"];
        Assert.Equal(paths, collector.Requests.Select(request => request.Path).Distinct().Order());
        Assert.All(collector.Metrics, metric => Assert.Equal(service, metric.Service));
        Assert.Equal(Pictures, (int)collector.Metrics.Last(metric => metric.Name == "dino.gpu.queue.duration").Count);
        Assert.Contains("http.server.request.duration", collector.Metrics.Select(metric => metric.Name));

        Assert.Contains("tiny_hf is ready on cpu, with 0 vectors to search", collector.Lines);

        // A request, its picture within, and the batch that had the picture; nobody asks for traces of probes.
        OtlpSpan[] requests = [.. collector.Spans.Where(span => span.Name == "POST /embed")];
        Assert.Equal(Pictures, requests.Length);
        foreach (OtlpSpan request in requests)
        {
            Assert.Equal(service, request.Service);
            OtlpSpan picture = Assert.Single(collector.Spans, span => span.Parent == request.Id);
            Assert.Equal(("Dino.Gpu", "embed", request.Trace), (picture.Scope, picture.Name, picture.Trace));
            Assert.Single(collector.Spans, span => span.Name == "forward" && span.Links.Contains(picture.Id));
        }

        Assert.DoesNotContain(collector.Spans, span => span.Name.Contains("/health") || span.Name.Contains("/metrics"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT", "")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4317")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://collector:4317")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4317")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317", "OTEL_SDK_DISABLED", "True")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317", "OTEL_SDK_DISABLED", "no")]
    public void Nothing_is_sent_unless_a_variable_says_where(bool expected, params string[] variables)
    {
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(
            variables.Chunk(2).ToDictionary(pair => pair[0], pair => (string?)pair[1])).Build();
        Assert.Equal(expected, Telemetry.IsExported(configuration));
    }
}
