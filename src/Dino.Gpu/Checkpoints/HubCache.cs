using System.Text.RegularExpressions;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// The cache that Hugging Face's own tools keep, read by their rules:
/// <c>models--OWNER--NAME/snapshots/COMMIT/FILE</c>, and in <c>refs/</c> which commit a branch is.
/// </summary>
internal static partial class HubCache
{
    internal const string MainBranch = "main";

    /// <summary>Whether text is the name of a model on the hub, OWNER/NAME or OWNER/NAME@REVISION.</summary>
    public static bool IsModel(string text) => ModelName().IsMatch(text) && !CheckpointNames.IsCheckpoint(text);

    /// <summary>The folder of the cache.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static string Folder(Func<string, string?> variable)
    {
        foreach (string name in (string[])["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
        {
            if (Expanded(variable(name)) is { } named)
                return named;
        }

        return Path.Combine(HubEnvironment.Home(variable), "hub");
    }

    /// <summary>The folder with the files of a model; null where the cache has none.</summary>
    /// <param name="model">OWNER/NAME, or OWNER/NAME@REVISION.</param>
    /// <param name="variable">Reads an environment variable.</param>
    public static string? Snapshot(string model, Func<string, string?> variable)
    {
        string[] parts = model.Split('@', 2);
        string folder = Path.Combine(Folder(variable), "models--" + parts[0].Replace("/", "--", StringComparison.Ordinal));
        string snapshots = Path.Combine(folder, "snapshots");
        string revision = parts.Length == 2 ? parts[1] : MainBranch;
        string commit = Reference(folder, revision) ?? revision;
        string named = Path.Combine(snapshots, commit);
        if (Directory.Exists(named))
            return named;

        // What was fetched by its commit has no branch.
        string[] all = parts.Length == 1 && Directory.Exists(snapshots) ? Directory.GetDirectories(snapshots) : [];
        return all is [string only] ? only : null;
    }

    /// <summary>Where a file of a model is; null where the cache does not have it.</summary>
    public static string? Find(WeightsDownloadOptions options)
    {
        string? snapshot = Snapshot($"{options.Repository}@{options.Revision}", options.Variable);
        string? file = snapshot is null ? null : Path.Combine(snapshot, options.FileName);
        return File.Exists(file) ? file : null;
    }

    /// <summary>A path from a variable, as a shell would read it; null where there is none.</summary>
    internal static string? Expanded(string? path)
    {
        if (string.IsNullOrEmpty(path))
            return null;
        bool isHome = path == "~" || path.StartsWith("~/", StringComparison.Ordinal);
        return isHome ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..] : path;
    }

    /// <summary>The commit that a branch or tag is; null where the cache does not know it.</summary>
    private static string? Reference(string folder, string revision)
    {
        string path = Path.Combine(folder, "refs", revision);
        try
        {
            string commit = File.Exists(path) && new FileInfo(path).Length <= 100 ? File.ReadAllText(path).Trim() : "";
            return Commit().IsMatch(commit) ? commit : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[A-Za-z0-9][\w.-]*)?$", RegexOptions.CultureInvariant)]
    private static partial Regex ModelName();

    [GeneratedRegex("^[0-9a-f]{40}$", RegexOptions.CultureInvariant)]
    private static partial Regex Commit();
}
