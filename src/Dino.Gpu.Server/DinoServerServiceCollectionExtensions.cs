using System.IO.Compression;
using Dino.Gpu;
using Dino.Gpu.Server;
using Dino.Gpu.Server.Http;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Server.Rpc;
using Grpc.AspNetCore.Server;
using Grpc.Net.Compression;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

#pragma warning disable IDE0130 // where a program looks for it
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Registers what the endpoints of <c>MapDinoGpu</c> need.</summary>
public static class DinoServerServiceCollectionExtensions
{
    /// <summary>
    /// Adds the server. It takes the container's <see cref="IDinoEncoder"/>, such as <c>AddDinoGpu</c> of
    /// Dino.Gpu.Extensions.AI registers one, and asks for it while the host already listens; if it cannot be made, the
    /// host stops. Options that cannot be used end the start with an <see cref="OptionsValidationException"/>.
    /// </summary>
    /// <param name="services">The container.</param>
    /// <param name="configure">Sets the options; null for their defaults.</param>
    /// <returns>The container.</returns>
    public static IServiceCollection AddDinoServer(this IServiceCollection services, Action<DinoServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<DinoServerOptions> options = services.AddOptionsWithValidateOnStart<DinoServerOptions>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DinoServerOptions>, DinoServerOptionsValidator>());
        if (configure is not null)
            options.Configure(configure);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ServerModel>();
        services.AddHostedService(provider => provider.GetRequiredService<ServerModel>());
        services.TryAddSingleton(provider => new BodyMemory(Options(provider)));
        services.TryAddSingleton(provider => new UrlPictures(Options(provider)));
        services.TryAddSingleton(provider => ApiKeys.Load(Options(provider)));
        services.TryAddSingleton<PictureTexts>();
        services.TryAddSingleton<RequestGuard>();
        services.TryAddSingleton<EmbeddingEndpoints>();
        services.TryAddSingleton<AttentionEndpoint>();
        services.TryAddSingleton<IndexEndpoints>();
        services.TryAddSingleton<StatusEndpoints>();
        services.TryAddSingleton<PageFiles>();
        services.AddGrpc();
        services.AddOptions<GrpcServiceOptions<DinoService>>().Configure<IOptions<DinoServerOptions>>((grpc, server) =>
        {
            int most = (int)Math.Min(int.MaxValue, server.Value.MaxBodyBytes);
            grpc.MaxReceiveMessageSize = most;
            foreach (ICompressionProvider one in (ICompressionProvider[])[
                new GzipCompressionProvider(CompressionLevel.Fastest), new DeflateCompressionProvider(CompressionLevel.Fastest)])
                grpc.CompressionProviders.Add(new CheckedCompression(one, most));
            grpc.IgnoreUnknownServices = false; // a method that this service does not have is UNIMPLEMENTED, whatever else is set
            grpc.Interceptors.Add<FailureInterceptor>();
        });
        return services;
    }

    private static DinoServerOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<DinoServerOptions>>().Value;
}
