using Dino.Gpu.Checkpoints;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Extensions.AI;

/// <summary>Finds what is wrong with options when the host starts, before a checkpoint is read.</summary>
internal sealed class DinoGpuOptionsValidator : IValidateOptions<DinoGpuOptions>
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    public ValidateOptionsResult Validate(string? name, DinoGpuOptions options)
    {
        string[] wrong = [.. Wrong(options)];
        return wrong.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }

    private static IEnumerable<string> Wrong(DinoGpuOptions options)
    {
        if (DinoWeights.Locate(options.Weights) is null)
        {
            yield return $"{nameof(options.Weights)}: expected a checkpoint, found none "
                + $"(name one, set {DinoWeights.EnvironmentVariable}, or run 'dino weights pull')";
        }

        if (string.IsNullOrWhiteSpace(options.Device))
            yield return $"{nameof(options.Device)}: expected auto, cpu, cuda[:N] or opencl[:N], found nothing";
        if (!Enum.IsDefined(options.Precision))
        {
            string known = string.Join(", ", Enum.GetNames<Precision>());
            yield return $"{nameof(options.Precision)}: expected {known}, found {options.Precision}";
        }

        if (options.BatchSize < 1)
            yield return $"{nameof(options.BatchSize)}: expected at least 1, found {options.BatchSize}";
        if (options.Threads < 1)
            yield return $"{nameof(options.Threads)}: expected at least 1, found {options.Threads}";
        if (options.QueueLimit < 1)
            yield return $"{nameof(options.QueueLimit)}: expected at least 1, found {options.QueueLimit}";
        if (options.MaxBatchDelay < TimeSpan.Zero || options.MaxBatchDelay > LongestDelay)
            yield return $"{nameof(options.MaxBatchDelay)}: expected 0 to {LongestDelay}, found {options.MaxBatchDelay}";
    }
}
