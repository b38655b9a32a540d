namespace Dino.Gpu.Checkpoints;

/// <summary>Finds the weights when nobody names them, and downloads them once when there are none.</summary>
public static class WeightsLocator
{
    /// <summary>Environment variable with a checkpoint.</summary>
    public const string WeightsVariable = "DINO_WEIGHTS";
    private const string CacheVariable = "XDG_CACHE_HOME";
    private const string Folder = "weights";

    private static readonly string[] Extensions = [".safetensors", ".bin", ".pth", ".pt"];

    /// <summary>
    /// The weights to load: what <see cref="FindLocal(string?)"/> finds, else the published checkpoint, downloaded into the
    /// cache.
    /// </summary>
    /// <param name="weights">A file, a folder or <c>synthetic[:SEED]</c>; null to look in the usual places.</param>
    /// <param name="progress">Hears of a download; null for nobody.</param>
    /// <param name="cancellation">Ends a download; the next one resumes it.</param>
    /// <exception cref="DinoException">There are none and they cannot be downloaded.</exception>
    public static async Task<string> FindAsync(
        string? weights = null, IProgress<WeightsDownloadProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (FindLocal(weights) is { } found)
            return found;

        // Somebody waits for this, so there are few attempts.
        var options = new WeightsDownloadOptions { Attempts = 2 };
        try
        {
            return (await WeightsDownload.RunAsync(CachePath(), options, progress, cancellation).ConfigureAwait(false)).Path;
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
    /// Looks in this order: <paramref name="weights"/>, DINO_WEIGHTS, a checkpoint in the folder <c>weights/</c> of the current
    /// directory, the user's cache.
    /// </summary>
    /// <param name="weights">A file, a folder or <c>synthetic[:SEED]</c>, or null.</param>
    /// <returns>A file, a folder or <c>synthetic[:SEED]</c>; null when there is nothing.</returns>
    public static string? FindLocal(string? weights = null) => FindLocal(weights, Environment.GetEnvironmentVariable, here: "");

    /// <summary>Where the published checkpoint is kept: one folder a revision.</summary>
    public static string CachePath() => CachePath(Environment.GetEnvironmentVariable);

    /// <param name="option">What is named, or null.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="here">The folder that has <c>weights/</c> in it; empty for the current one.</param>
    internal static string? FindLocal(string? option, Func<string, string?> variable, string here)
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

    /// <inheritdoc cref="CachePath()"/>
    internal static string CachePath(Func<string, string?> variable)
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
