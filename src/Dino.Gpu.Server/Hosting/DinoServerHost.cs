using Dino.Gpu.Server.Http;
using Dino.Gpu.Server.Model;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Hosting;

/// <summary>The program behind <c>dino serve</c>: Kestrel, the endpoints, and an end that leaves nobody waiting.</summary>
internal static class DinoServerHost
{
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Connections that wait to be accepted; the system allows fewer if net.core.somaxconn is less. Where more come at
    /// once, Linux resets some. Each takes little memory, and whoever is too many is answered with 429.
    /// </summary>
    private const int Backlog = 1 << 16;

    private const int UnreadBytes = 64 << 10; // no less than Kestrel's limit of all headers, and of a frame of HTTP/2

    /// <summary>Serves until it is told to stop; requests under way are answered first.</summary>
    /// <param name="settings">The server.</param>
    /// <param name="stop">Tells it to stop.</param>
    /// <exception cref="DinoException">The model, the index or the port cannot be used.</exception>
    public static async Task RunAsync(HostSettings settings, CancellationToken stop)
    {
        WebApplication app = await StartAsync(settings).ConfigureAwait(false);
        await using (app.ConfigureAwait(false))
        {
            settings.Listening([.. app.Urls]);
            var stopping = new TaskCompletionSource();
            await using (stop.Register(() => stopping.TrySetResult()).ConfigureAwait(false))
            await using (app.Lifetime.ApplicationStopping.Register(() => stopping.TrySetResult()).ConfigureAwait(false))
                await stopping.Task.ConfigureAwait(false);
            using var patience = new CancellationTokenSource(settings.ShutdownTimeout);
            await app.StopAsync(patience.Token).ConfigureAwait(false);
            if (FailureOf(app) is { } failure)
                throw failure;
        }
    }

    /// <summary>
    /// The program, not started. It reads no file of settings, only environment variables: a folder that it is started
    /// in is not to change what it does.
    /// </summary>
    public static WebApplication Build(HostSettings settings)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "dino" });
        builder.Configuration.AddEnvironmentVariables();
        builder.WebHost.UseKestrel((context, kestrel) => Listen(kestrel, context.Configuration, settings));
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.Backlog = Backlog;
            sockets.CreateBoundListenSocket = endpoint => StartFailure.Bind(endpoint, settings);
        });
        StartFailure.CheckLogging(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddProvider(new LineLoggerProvider(settings.Log));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Grpc", LogLevel.Warning); // else a line for every client that leaves
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a failed start ends the command, which says so
        builder.Services.AddSingleton<IHostLifetime, NoSignals>(); // the program handles them
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = settings.ShutdownTimeout);
        builder.Services.AddRoutingCore();
        if (settings.HostNames.Count > 0)
            HostNames.Add(builder.Services, settings.HostNames);
        builder.Services.AddSingleton(_ => settings.Load());
        builder.Services.AddDinoServer(settings.Configure);

        // Unknown services are 404, which means the same to clients of gRPC. A route for them would match every path of
        // two segments, and hide from routing that only the method of a request is wrong.
        builder.Services.Configure<GrpcServiceOptions>(grpc => grpc.IgnoreUnknownServices = true);
        ApiDocument.Add(builder.Services);
        Telemetry.Add(builder);
        if (settings.TrimsMemory)
        {
            builder.Services.AddSingleton(new IdleTrim(IdleTime, TimeProvider.System));
            builder.Services.AddHostedService(provider => provider.GetRequiredService<IdleTrim>());
        }

        WebApplication app = builder.Build();
        if (app.Services.GetService<IdleTrim>() is { } trim)
            app.Use((context, next) => trim.RunAsync(context, next));
        DinoServerOptions options = app.Services.GetRequiredService<IOptions<DinoServerOptions>>().Value;
        if (settings.HostNames.Count > 0)
            HostNames.Use(app, settings.HostNames, options);
        ReferencePage.UsePolicy(app);
        app.Use((context, next) => UnknownPath.RunAsync(context, next, options));
        app.MapDinoGpu();
        app.MapDinoGpuGrpc();
        app.MapPrometheusScrapingEndpoint("/metrics").WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]))
            .Guarded(app.Services);
        ReferencePage.Map(app);
        return app;
    }

    /// <summary>Sets what a connection may take of memory, and what the owner's variables say.</summary>
    /// <param name="limits">Kestrel's.</param>
    /// <param name="kestrel">The section <c>Kestrel</c> of the configuration.</param>
    internal static void Limit(KestrelServerLimits limits, IConfiguration kestrel)
    {
        // What lies in memory before anybody has asked for it, and so before it is counted.
        limits.MaxRequestBufferSize = UnreadBytes;
        limits.Http2.InitialStreamWindowSize = UnreadBytes;
        limits.Http2.InitialConnectionWindowSize = 2 * UnreadBytes;
        StartFailure.Bind(limits, kestrel.GetSection("Limits")); // by itself Kestrel reads endpoints and certificates only
    }

    private static void Listen(KestrelServerOptions kestrel, IConfiguration configuration, HostSettings settings)
    {
        kestrel.AddServerHeader = false;
        IConfigurationSection section = configuration.GetSection("Kestrel");
        Limit(kestrel.Limits, section);
        kestrel.Configure(section);
        Endpoint(settings.Port, settings.HasTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1);
        if (settings.GrpcPort is { } port)
            Endpoint(port, HttpProtocols.Http2);

        void Endpoint(int number, HttpProtocols protocols) => kestrel.Listen(settings.Address, number, listen =>
        {
            listen.Protocols = protocols;
            if (settings.HasTls)
                listen.UseHttps();
        });
    }

    private static async Task<WebApplication> StartAsync(HostSettings settings)
    {
        WebApplication? app = null;
        try
        {
            app = Build(settings);
            await app.StartAsync(CancellationToken.None).ConfigureAwait(false);
            WebApplication started = app;
            app = null;
            return started;
        }
        catch (OperationCanceledException) when (app is not null && FailureOf(app) is not null)
        {
            throw FailureOf(app)!; // it ended before the server listened
        }
        catch (Exception failure) when (StartFailure.Of(failure, settings) is { } said)
        {
            throw said;
        }
        finally
        {
            if (app is not null)
                await app.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Why the model or the index could not be loaded; null if nothing failed.</summary>
    private static DinoException? FailureOf(WebApplication app) => app.Services.GetRequiredService<ServerModel>().Failure switch
    {
        null => null,
        DinoException said => said,
        { } other => new DinoException($"the model could not be loaded: {other.Message}", other),
    };

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
