using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Dino.Gpu.Extensions.AI;

/// <summary>Healthy when the model is loaded. It does not load it, and does not run it: it costs nothing.</summary>
/// <param name="model">The model.</param>
internal sealed class DinoGpuHealthCheck(DinoGpuModel model) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!model.IsLoaded)
            return Task.FromResult(new HealthCheckResult(context.Registration.FailureStatus, "the model is not loaded"));
        var data = new Dictionary<string, object>
        {
            ["device"] = model.DeviceName!,
            ["model"] = model.Options.ModelId ?? model.Options.Weights ?? "",
        };
        return Task.FromResult(HealthCheckResult.Healthy("the model is loaded", data));
    }
}
