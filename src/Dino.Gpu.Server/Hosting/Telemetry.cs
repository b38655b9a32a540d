using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Logs;
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
    private const string Disabled = "OTEL_SDK_DISABLED";

    /// <summary>For all, or for one signal.</summary>
    private static readonly string[] Endpoints =
    [
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    ];

    /// <summary>Measures the library, the requests and the runtime.</summary>
    public static void Add(WebApplicationBuilder builder)
    {
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(Name)
            .WithMetrics(metrics => metrics
                .AddMeter(DinoTelemetry.MeterName)
                .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
                .AddPrometheusExporter());
        if (!IsExported(builder.Configuration))
            return;
        telemetry.WithTracing(traces => traces
            .AddSource(DinoTelemetry.ActivitySourceName)
            .AddAspNetCoreInstrumentation(requests => requests.Filter = context => !IsOfWatcher(context)));
        builder.Services.Configure<OpenTelemetryLoggerOptions>(logs => logs.IncludeFormattedMessage = true); // else a line with gaps
        telemetry.UseOtlpExporter();
    }

    /// <summary>Whether the environment says where telemetry goes.</summary>
    internal static bool IsExported(IConfiguration variables) =>
        Endpoints.Any(name => !string.IsNullOrEmpty(variables[name]))
            && !string.Equals(variables[Disabled], "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a request is one of those that come every few seconds from whoever watches the server.</summary>
    internal static bool IsOfWatcher(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/health") || context.Request.Path.StartsWithSegments("/metrics");

    /// <summary>The name that the environment gives in either of its variables, or dino.</summary>
    private static void Name(ResourceBuilder resource) =>
        resource.Clear().AddService("dino", serviceVersion: ProductVersion.Current).AddTelemetrySdk().AddEnvironmentVariableDetector();
}
