using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Finds the weights when nobody names them, and downloads them once when there are none.</summary>
internal static class WeightsLocator
{
    private const string WeightsVariable = "DINO_WEIGHTS";
    private const string CacheVariable = "XDG_CACHE_HOME";
    private const string Folder = "weights";

    private static readonly string[] Extensions = [".safetensors", ".bin", ".pth", ".pt"];

    /// <summary>
    /// The weights to load: what <see cref="FindLocal"/> finds, else the published checkpoint, downloaded into the
    /// cache.
    /// </summary>
    /// <exception cref="DinoException">There are none and they cannot be downloaded.</exception>
    public static async Task<string> FindAsync(string? option, CliConsole console, CancellationToken cancellation)
    {
        if (FindLocal(option, Environment.GetEnvironmentVariable, here: "") is { } found)
            return found;

        string target = CachePath(Environment.GetEnvironmentVariable);
        // Somebody waits for this, so there are few attempts. `dino weights pull` makes more, and both resume where
        // they stopped.
        var options = new WeightsDownloadOptions { Attempts = 2 };
        console.Say($"no weights yet: downloading {options.Repository} once, into {target}");
        try
        {
            await DownloadDisplay.RunAsync(target, options, console, cancellation).ConfigureAwait(false);
            return target;
        }
        catch (DinoException failure)
        {
            throw new DinoException(
                $"no weights found, and the download failed: {failure.Message}",
                $"name a checkpoint with --weights FILE or {WeightsVariable}, or use --weights synthetic (seeded, without meaning)",
                failure);
        }
    }

    /// <summary>
    /// In this order: the option, DINO_WEIGHTS, a checkpoint in the folder <c>weights/</c>, the user's cache.
    /// </summary>
    /// <param name="option">Value of <c>--weights</c>, or null.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="here">The folder that has <c>weights/</c> in it; empty for the current one.</param>
    /// <returns>A file, a folder or <c>synthetic[:SEED]</c>; null when there is nothing.</returns>
    public static string? FindLocal(string? option, Func<string, string?> variable, string here)
    {
        if (option is not null)
            return option;
        if (variable(WeightsVariable) is { Length: > 0 } named)
            return named;

        string folder = Path.Combine(here, Folder);
        if (Directory.Exists(folder) && Directory.EnumerateFiles(folder).Any(IsCheckpoint))
            return folder;
        string cached = CachePath(variable);
        return File.Exists(cached) ? cached : null;
    }

    /// <summary>Where the published checkpoint is kept: one folder a revision.</summary>
    public static string CachePath(Func<string, string?> variable)
    {
        string? cache = variable(CacheVariable);
        if (string.IsNullOrEmpty(cache))
        {
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(
                    Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
                    OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        }

        var published = new WeightsDownloadOptions();
        return Path.Combine(cache, "dino-gpu", Path.GetFileName(published.Repository), published.Revision, published.FileName);
    }

    private static bool IsCheckpoint(string file) => Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase);
}
