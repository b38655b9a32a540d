using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Dino.Gpu.Server.Hosting;

/// <summary>
/// Metrics for Prometheus at <c>/metrics</c>; metrics, traces and logs for OTLP where OpenTelemetry's environment
/// variables name an endpoint.
/// </summary>
internal static class Telemetry
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Disabled = "OTEL_SDK_DISABLED";

    /// <summary>Measures the library, the requests and the runtime.</summary>
    public static void Add(WebApplicationBuilder builder)
    {
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(Name)
            .WithMetrics(metrics => metrics
                .AddMeter(DinoTelemetry.MeterName)
                .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
                .AddPrometheusExporter());
        if (string.IsNullOrEmpty(builder.Configuration[Endpoint])
            || string.Equals(builder.Configuration[Disabled], "true", StringComparison.OrdinalIgnoreCase))
            return;
        telemetry.WithTracing(traces => traces.AddSource(DinoTelemetry.ActivitySourceName).AddAspNetCoreInstrumentation());
        telemetry.UseOtlpExporter();
    }

    /// <summary>The name that the environment gives, or dino.</summary>
    private static void Name(ResourceBuilder resource)
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME")))
            resource.AddService("dino", serviceVersion: ProductVersion.Current);
    }
}
