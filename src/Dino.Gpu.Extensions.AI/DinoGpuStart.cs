using Microsoft.Extensions.Hosting;

namespace Dino.Gpu.Extensions.AI;

/// <summary>
/// Loads a model while the host starts, so that a wrong checkpoint ends the start and the first request does not wait.
/// </summary>
/// <param name="model">The model.</param>
internal sealed class DinoGpuStart(DinoGpuModel model) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => model.Options.LoadAtStart
        ? Task.Run(() => model.Encoder(cancellationToken), cancellationToken)
        : Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
