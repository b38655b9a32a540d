using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server.Model;

/// <summary>
/// The model and the index. They are loaded while the server already listens, so that it can say that it lives; it is
/// ready once the model has run. If they cannot be loaded, the host stops.
/// </summary>
/// <param name="services">Has the encoder, which is made when it is first asked for.</param>
/// <param name="options">The server's options.</param>
/// <param name="lifetime">The host.</param>
/// <param name="logger">Told what was loaded, or why not.</param>
internal sealed partial class ServerModel(
    IServiceProvider services, IOptions<DinoServerOptions> options, IHostApplicationLifetime lifetime, ILogger<ServerModel> logger)
    : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _loading = Task.CompletedTask;
    private volatile PictureModel? _pictures;
    private volatile bool _stops;

    /// <summary>Whether requests are answered, and none is told to go elsewhere.</summary>
    public bool IsReady => _pictures is not null && !_stops;

    /// <summary>Why the model or the index could not be loaded; null if nothing failed.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The index; null if there is none.</summary>
    public ServerIndex? Index { get; private set; }

    /// <summary>The model.</summary>
    /// <exception cref="RequestFailure">It is not loaded yet.</exception>
    public PictureModel Pictures => _pictures ?? throw new RequestFailure(
        StatusCodes.Status503ServiceUnavailable, "loading", "the model is being loaded", "try again a little later");

    /// <summary>The index.</summary>
    /// <exception cref="RequestFailure">There is none, or it is not loaded yet.</exception>
    public ServerIndex RequireIndex()
    {
        _ = Pictures;
        return Index ?? throw new RequestFailure(
            StatusCodes.Status404NotFound, "no_index", "this server has no index", "start it with --index FILE");
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _loading = Task.Factory.StartNew(
            Load, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    /// <summary>Says no to whoever asks whether it is ready, while requests are still taken.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _stops = true;
        await Task.Delay(options.Value.DrainDelay, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StopAsync(CancellationToken cancellationToken) => _stop.CancelAsync();

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _pictures?.Dispose();
        Index?.Dispose();
        _stop.Dispose();
    }

    private void Load()
    {
        try
        {
            IDinoEncoder encoder = services.GetRequiredService<IDinoEncoder>();
            Provenance? provenance = options.Value.Provenance?.Invoke(encoder);
            if (options.Value.Index is { } open)
                Index = Comparable(open(_stop.Token), encoder, provenance);
            encoder.WarmUp();
            _pictures = new PictureModel(encoder, options.Value);
            Ready(options.Value.ModelId, string.Join(", ", encoder.Devices.Select(device => device.Id)), Index?.Count ?? 0);
        }
        catch (Exception failure) // whatever it is, there will be no answer
        {
            if (!_stop.IsCancellationRequested)
            {
                Failure = failure;
                Failed(failure.Message, failure is DinoException ? null : failure);
            }

            lifetime.StopApplication();
        }
    }

    private ServerIndex Comparable(VectorIndex vectors, IDinoEncoder encoder, Provenance? provenance)
    {
        string? difference = vectors.Dimension != encoder.Config.HiddenSize
            ? $"{encoder.Config.HiddenSize} and {vectors.Dimension} values"
            : provenance is null ? null : vectors.Model?.DifferenceFrom(provenance);
        if (difference is null)
            return new ServerIndex(vectors, options.Value, logger);
        vectors.Dispose();
        throw new DinoException(
            $"the index was made differently ({difference}): its vectors cannot be compared", "start the server with the index's model");
    }

    [LoggerMessage(1, LogLevel.Information, "{Model} is ready on {Device}, with {Vectors} vectors to search")]
    private partial void Ready(string model, string device, int vectors);

    [LoggerMessage(2, LogLevel.Critical, "{Reason}")]
    private partial void Failed(string reason, Exception? failure);
}
