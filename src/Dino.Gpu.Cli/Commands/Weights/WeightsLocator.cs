using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// The weights of a command: found by <see cref="DinoWeights"/>, or fetched once, with lines that say so.
/// </summary>
internal static class WeightsLocator
{
    /// <summary>The weights to load.</summary>
    /// <exception cref="DinoException">There are none and they cannot be fetched.</exception>
    public static async Task<string> FindAsync(string? option, CliConsole console, bool quiet, CancellationToken cancellation)
    {
        if (DinoWeights.Locate(option) is { } found)
            return found;

        string target = DinoWeights.CachePath;
        // Somebody waits for this, so it gives up early. 'dino weights pull' is more patient, and both resume.
        var options = new WeightsDownloadOptions { Attempts = 2 };
        if (!quiet)
            console.Tell($"dino: no weights here yet: fetching {options.Repository} once, into {target}");
        try
        {
            var lines = quiet ? null : new DownloadLines(console);
            return (await DinoWeights.PullAsync(target, options, lines, cancellation).ConfigureAwait(false)).Path;
        }
        catch (DinoException failure)
        {
            throw new DinoException(
                $"no weights, and they could not be fetched ({failure.Message})",
                $"name a checkpoint with --weights FILE or {DinoWeights.EnvironmentVariable}, "
                + "or use --weights synthetic for seeded weights that mean nothing",
                failure);
        }
    }

    /// <summary>A line every tenth of the way; the file is 87 MB.</summary>
    private sealed class DownloadLines(CliConsole console) : IProgress<WeightsDownloadProgress>
    {
        private long _tenths;

        public void Report(WeightsDownloadProgress value)
        {
            if (value.Retry is { } retry)
                console.Tell($"dino: {retry}");
            long tenths = value.BytesTotal > 0 ? 10 * value.BytesDone / value.BytesTotal : 0;
            if (tenths <= _tenths)
                return;
            _tenths = tenths;
            console.Tell(string.Create(CultureInfo.InvariantCulture, $"dino: {value.BytesDone / 1e6:F0} of {value.BytesTotal / 1e6:F0} MB"));
        }
    }
}
