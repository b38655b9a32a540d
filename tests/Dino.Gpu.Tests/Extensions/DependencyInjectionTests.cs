using Dino.Gpu.Extensions.AI;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Tests.Extensions;

/// <summary>The encoder in a container, with options, a host and a health check.</summary>
public sealed class DependencyInjectionTests
{
    private static readonly string Picture = GoldenData.Image("chelsea.png");

    [Fact]
    public async Task One_encoder_serves_every_generator_of_the_container()
    {
        var services = new ServiceCollection();
        services.AddDinoGpu(Tiny);
        IDinoEncoder encoder;
        await using (ServiceProvider provider = services.BuildServiceProvider(validateScopes: true))
        {
            encoder = provider.GetRequiredService<IDinoEncoder>();
            var pictures = provider.GetRequiredService<IEmbeddingGenerator<DataContent, Embedding<float>>>();
            var paths = provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();
            var generator = provider.GetRequiredService<DinoEmbeddingGenerator>();
            Assert.Same(generator, pictures.GetService<DinoEmbeddingGenerator>());
            Assert.Same(generator, paths.GetService<DinoEmbeddingGenerator>());
            Assert.Same(encoder, pictures.GetService<IDinoEncoder>());
            Assert.Equal(encoder.Embed(Picture), (await paths.GenerateVectorAsync(Picture, cancellationToken: Cancellation)).ToArray());
        }

        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(Picture));
    }

    [Fact]
    public async Task Keyed_encoders_have_options_of_their_own()
    {
        var services = new ServiceCollection();
        services.AddKeyedDinoGpu("plain", Tiny);
        services.AddKeyedDinoGpu("unit", options =>
        {
            Tiny(options);
            options.Normalize = true;
            options.ModelId = "tiny-unit";
        });
        await using ServiceProvider provider = services.BuildServiceProvider();
        float[] plain = await VectorAsync("plain");
        float[] unit = await VectorAsync("unit");
        Assert.NotEqual(1, Length(plain), 1e-3);
        Assert.Equal(1, Length(unit), 1e-6);
        Assert.Null(provider.GetService<IDinoEncoder>());
        var generator = provider.GetRequiredKeyedService<DinoEmbeddingGenerator>("unit");
        Assert.Equal("tiny-unit", generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelId);

        async Task<float[]> VectorAsync(string key)
        {
            var generator = provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>(key);
            return (await generator.GenerateVectorAsync(Picture, cancellationToken: Cancellation)).ToArray();
        }

        static double Length(float[] vector) => Math.Sqrt(vector.Sum(value => (double)value * value));
    }

    [Fact]
    public void Configuration_sets_options_and_what_is_wrong_is_named_at_the_start()
    {
        DinoGpuOptions options = Bound(new()
        {
            ["Weights"] = CliRunner.TinyWeights,
            ["Device"] = "cpu",
            ["Precision"] = "BFloat16",
            ["BatchSize"] = "4",
            ["MaxBatchDelay"] = "00:00:00.005",
        });
        Assert.Equal(
            (CliRunner.TinyWeights, "cpu", Precision.BFloat16, 4, 5.0),
            (options.Weights, options.Device, options.Precision, options.BatchSize, options.MaxBatchDelay.TotalMilliseconds));
        OptionsValidationException wrong = Assert.Throws<OptionsValidationException>(() => Bound(new()
        {
            ["Weights"] = CliRunner.TinyWeights,
            ["Device"] = "",
            ["BatchSize"] = "0",
            ["Threads"] = "-1",
            ["QueueLimit"] = "0",
            ["MaxBatchDelay"] = "01:00:00",
        }));
        Assert.Equal(
            [
                "Device: expected auto, cpu, cuda[:N] or opencl[:N], found nothing", "BatchSize: expected at least 1, found 0",
                "Threads: expected at least 1, found -1", "QueueLimit: expected at least 1, found 0",
                "MaxBatchDelay: expected 0 to 00:01:00, found 01:00:00",
            ],
            wrong.Failures);
    }

    [Fact]
    public async Task A_host_loads_the_model_while_it_starts_and_its_check_says_so()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDinoGpu(Tiny);
        builder.Services.AddHealthChecks().AddDinoGpu(tags: ["ready"]);
        using IHost host = builder.Build();
        var checks = host.Services.GetRequiredService<HealthCheckService>();
        HealthReport before = await checks.CheckHealthAsync(Cancellation);
        Assert.Equal((HealthStatus.Unhealthy, "the model is not loaded"), (before.Status, before.Entries["dino-gpu"].Description));
        await host.StartAsync(Cancellation);
        HealthReport after = await checks.CheckHealthAsync(Cancellation);
        Assert.Equal(HealthStatus.Healthy, after.Status);
        Assert.Equal(CliRunner.TinyWeights, after.Entries["dino-gpu"].Data["model"]);
        await host.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData("missing.safetensors", "no such file")]
    [InlineData("broken.safetensors", "broken.safetensors")]
    public async Task A_wrong_checkpoint_ends_the_start(string name, string part)
    {
        using var folder = new TemporaryFolder();
        if (name.StartsWith("broken", StringComparison.Ordinal))
            File.WriteAllText(folder.Path(name), "no checkpoint");
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDinoGpu(options =>
        {
            Tiny(options);
            options.Weights = folder.Path(name);
        });
        using IHost host = builder.Build();
        DinoException refusal = await Assert.ThrowsAnyAsync<DinoException>(() => host.StartAsync(Cancellation));
        Assert.Contains(part, refusal.Message);
    }

    [Fact]
    public async Task A_model_that_is_loaded_later_does_not_delay_the_start()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDinoGpu(options =>
        {
            Tiny(options);
            options.LoadAtStart = false;
        });
        builder.Services.AddHealthChecks().AddDinoGpu();
        using IHost host = builder.Build();
        await host.StartAsync(Cancellation);
        var checks = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Unhealthy, (await checks.CheckHealthAsync(Cancellation)).Status);
        Assert.Equal(48, host.Services.GetRequiredService<IDinoEncoder>().Config.HiddenSize);
        Assert.Equal(HealthStatus.Healthy, (await checks.CheckHealthAsync(Cancellation)).Status);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static void Tiny(DinoGpuOptions options)
    {
        options.Weights = CliRunner.TinyWeights;
        options.Device = "cpu";
    }

    private static DinoGpuOptions Bound(Dictionary<string, string?> values)
    {
        var services = new ServiceCollection();
        services.AddDinoGpu(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        using ServiceProvider provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<DinoGpuOptions>>().Value;
    }
}
