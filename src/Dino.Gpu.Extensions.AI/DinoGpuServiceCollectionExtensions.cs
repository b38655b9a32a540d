using Dino.Gpu;
using Dino.Gpu.Extensions.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

#pragma warning disable IDE0130 // where a program looks for them
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

#pragma warning disable RS0026, RS0027 // the overloads differ in a parameter of another type

/// <summary>
/// Registers an encoder and its generators: <see cref="IDinoEncoder"/>, <see cref="DinoEmbeddingGenerator"/>, and
/// <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/> of pictures and of paths, and as <see cref="IEmbeddingGenerator"/>
/// that of pictures. Each is a singleton; the container disposes the encoder.
/// </summary>
public static class DinoGpuServiceCollectionExtensions
{
    /// <summary>Adds the encoder of a program that has one.</summary>
    /// <param name="services">The container.</param>
    /// <param name="configure">Sets the options; null for their defaults.</param>
    /// <returns>The container.</returns>
    public static IServiceCollection AddDinoGpu(this IServiceCollection services, Action<DinoGpuOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        return Add(services, null, options => Configured(options, configure));
    }

    /// <summary>Adds the encoder of a program that has one, with options from configuration.</summary>
    /// <param name="services">The container.</param>
    /// <param name="section">A section with the properties of <see cref="DinoGpuOptions"/>.</param>
    /// <returns>The container.</returns>
    public static IServiceCollection AddDinoGpu(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        return Add(services, null, options => options.Bind(section));
    }

    /// <summary>Adds one of several encoders.</summary>
    /// <param name="services">The container.</param>
    /// <param name="serviceKey">The key under which its services are, and the name of its options.</param>
    /// <param name="configure">Sets the options; null for their defaults.</param>
    /// <returns>The container.</returns>
    public static IServiceCollection AddKeyedDinoGpu(
        this IServiceCollection services, string serviceKey, Action<DinoGpuOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, options => Configured(options, configure));
    }

    /// <summary>Adds one of several encoders, with options from configuration.</summary>
    /// <param name="services">The container.</param>
    /// <param name="serviceKey">The key under which its services are, and the name of its options.</param>
    /// <param name="section">A section with the properties of <see cref="DinoGpuOptions"/>.</param>
    /// <returns>The container.</returns>
    public static IServiceCollection AddKeyedDinoGpu(this IServiceCollection services, string serviceKey, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentNullException.ThrowIfNull(section);
        return Add(services, serviceKey, options => options.Bind(section));
    }

    /// <summary>Adds a check that is healthy when the model is loaded. It never loads or runs the model itself.</summary>
    /// <param name="builder">The checks.</param>
    /// <param name="name">Name of the check.</param>
    /// <param name="serviceKey">The key of a keyed encoder; else null.</param>
    /// <param name="tags">Such as <c>ready</c>; null for none.</param>
    /// <returns>The checks.</returns>
    public static IHealthChecksBuilder AddDinoGpu(
        this IHealthChecksBuilder builder, string name = "dino-gpu", string? serviceKey = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name, provider => new DinoGpuHealthCheck(Model(provider, serviceKey)), HealthStatus.Unhealthy, tags));
    }

    private static void Configured(OptionsBuilder<DinoGpuOptions> options, Action<DinoGpuOptions>? configure)
    {
        if (configure is not null)
            options.Configure(configure);
    }

    private static IServiceCollection Add(IServiceCollection services, string? key, Action<OptionsBuilder<DinoGpuOptions>> configure)
    {
        string name = key ?? Options.Options.DefaultName;
        OptionsBuilder<DinoGpuOptions> options = services.AddOptions<DinoGpuOptions>(name).ValidateOnStart();
        configure(options);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DinoGpuOptions>, DinoGpuOptionsValidator>());
        services.TryAddKeyedSingleton(key, (provider, _) => new DinoGpuModel(
            name,
            provider.GetRequiredService<IOptionsMonitor<DinoGpuOptions>>(),
            provider.GetService<ILogger<DinoGpuModel>>() ?? NullLogger<DinoGpuModel>.Instance));
        services.TryAddKeyedSingleton<IDinoEncoder>(key, (provider, _) => Model(provider, key).Encoder());
        services.TryAddKeyedSingleton(key, (provider, _) => Generator(provider, key));
        services.TryAddKeyedSingleton(key, (provider, _) => provider.GetRequiredKeyedService<DinoEmbeddingGenerator>(key).Pictures);
        services.TryAddKeyedSingleton(key, (provider, _) => provider.GetRequiredKeyedService<DinoEmbeddingGenerator>(key).Paths);
        services.TryAddKeyedSingleton<IEmbeddingGenerator>( // what stores of Microsoft.Extensions.VectorData look for
            key, (provider, _) => provider.GetRequiredKeyedService<DinoEmbeddingGenerator>(key).Pictures);
        services.AddSingleton<IHostedService>(provider => new DinoGpuStart(Model(provider, key)));
        return services;
    }

    private static DinoGpuModel Model(IServiceProvider provider, string? key) => provider.GetRequiredKeyedService<DinoGpuModel>(key);

    private static DinoEmbeddingGenerator Generator(IServiceProvider provider, string? key)
    {
        DinoGpuOptions options = Model(provider, key).Options;
        return new DinoEmbeddingGenerator(
            provider.GetRequiredKeyedService<IDinoEncoder>(key), options.ModelId ?? options.Weights, options.Normalize);
    }
}
