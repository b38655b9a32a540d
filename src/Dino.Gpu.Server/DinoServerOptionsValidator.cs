using Microsoft.Extensions.Options;

namespace Dino.Gpu.Server;

/// <summary>Finds what is wrong with options when the host starts, not in the first request.</summary>
internal sealed class DinoServerOptionsValidator : IValidateOptions<DinoServerOptions>
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, DinoServerOptions options)
    {
        string[] wrong = [.. Wrong(options)];
        return wrong.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }

    private static IEnumerable<string> Wrong(DinoServerOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.ModelId))
            yield return $"{nameof(options.ModelId)}: expected a name, found nothing";
        foreach ((string option, long value) in new[]
        {
            (nameof(options.MaxBodyBytes), options.MaxBodyBytes), (nameof(options.MaxItems), options.MaxItems),
            (nameof(options.MaxBufferedBytes), options.MaxBufferedBytes),
        })
        {
            // Four bodies are counted together.
            if (value is < 1 or > long.MaxValue / 4)
                yield return $"{option}: expected 1 to {long.MaxValue / 4}, found {value}";
        }

        if (options.MaxPasses < 0)
            yield return $"{nameof(options.MaxPasses)}: expected 0 or more, found {options.MaxPasses}";
        foreach ((string option, TimeSpan value, bool mayBeZero) in new[]
        {
            (nameof(options.BodyTimeout), options.BodyTimeout, false), (nameof(options.UrlTimeout), options.UrlTimeout, false),
            (nameof(options.RetryAfter), options.RetryAfter, true), (nameof(options.DrainDelay), options.DrainDelay, true),
        })
        {
            if (value < TimeSpan.Zero || value > Longest || (value == TimeSpan.Zero && !mayBeZero))
                yield return $"{option}: expected {(mayBeZero ? "0" : "more than 0")} to {Longest}, found {value}";
        }

        if (options.AllowedUrlHosts.Any(string.IsNullOrWhiteSpace))
            yield return $"{nameof(options.AllowedUrlHosts)}: expected names of hosts, found an empty one";
        if (options.Pictures is { } pictures && !Directory.Exists(pictures))
            yield return $"{nameof(options.Pictures)}: no such folder: {pictures}";
    }
}
