using System.Diagnostics;
using Dino.Gpu.Checkpoints;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Extensions.AI;

/// <summary>
/// One encoder of the container: loads it once, when somebody asks, and knows whether it is there. A failure is not kept:
/// the next one who asks tries again.
/// </summary>
/// <param name="name">Name of its options: the service key, or the default name.</param>
/// <param name="monitor">The options.</param>
/// <param name="logger">Told what was loaded, how long it took, and the encoder's warnings.</param>
internal sealed partial class DinoGpuModel(string name, IOptionsMonitor<DinoGpuOptions> monitor, ILogger<DinoGpuModel> logger)
    : IDisposable, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private IDinoEncoder? _encoder;

    /// <summary>Whether the model is loaded.</summary>
    public bool IsLoaded => Volatile.Read(ref _encoder) is not null;

    /// <summary>The options by which the model is, or will be, loaded.</summary>
    public DinoGpuOptions Options => monitor.Get(name);

    /// <summary>What the device is called; null before the model is loaded.</summary>
    public string? DeviceName => Volatile.Read(ref _encoder) is { } encoder
        ? string.Join(", ", encoder.Devices.Select(device => device.Name))
        : null;

    /// <summary>The model, loaded now if it is not yet.</summary>
    /// <exception cref="OptionsValidationException">The options are wrong.</exception>
    /// <exception cref="WeightsException">The checkpoint cannot be read.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public IDinoEncoder Encoder(CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            if (_encoder is { } known)
                return known;
            DinoGpuOptions options = Options;
            string weights = DinoWeights.Locate(options.Weights)!; // validated
            long start = Stopwatch.GetTimestamp();
            IDinoEncoder encoder = DinoEncoderGroup.Load(weights, options.ToEncoderOptions(Warned), cancellation: cancellation);
            encoder.WarmUp();
            Volatile.Write(ref _encoder, encoder);
            Loaded(weights, DeviceName!, Stopwatch.GetElapsedTime(start).TotalSeconds);
            foreach (string note in encoder.Notes)
                Noted(note);
            return encoder;
        }
    }

    public void Dispose() => Volatile.Read(ref _encoder)?.Dispose();

    public ValueTask DisposeAsync() => Volatile.Read(ref _encoder)?.DisposeAsync() ?? default;

    [LoggerMessage(1, LogLevel.Information, "loaded {Weights} on {Device} in {Seconds:F1} s")]
    private partial void Loaded(string weights, string device, double seconds);

    [LoggerMessage(2, LogLevel.Information, "{Note}")]
    private partial void Noted(string note);

    [LoggerMessage(3, LogLevel.Warning, "{Warning}")]
    private partial void Warned(string warning);
}
