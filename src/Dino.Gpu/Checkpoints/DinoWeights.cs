using Dino.Gpu.Imaging;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Finds the weights that a program uses when nobody names a file, and fetches the published checkpoint:
/// <code>
/// string weights = DinoWeights.Locate() ?? (await DinoWeights.PullAsync(DinoWeights.CachePath)).Path;
/// using var encoder = DinoEncoder.Load(weights);
/// </code>
/// </summary>
public static class DinoWeights
{
    /// <summary>Environment variable that names the weights: a file, a folder or <c>synthetic[:SEED]</c>.</summary>
    public const string EnvironmentVariable = "DINO_WEIGHTS";

    private const string CacheVariable = "XDG_CACHE_HOME";
    private const string Folder = "weights";

    /// <summary>
    /// Where the published checkpoint is kept, one folder a revision: below <c>XDG_CACHE_HOME</c>, else
    /// <c>~/.cache</c> (<c>~/Library/Caches</c> on macOS, <c>%LOCALAPPDATA%</c> on Windows).
    /// </summary>
    public static string CachePath => CachePathOf(Environment.GetEnvironmentVariable);

    /// <summary>
    /// The first of these that is there: <paramref name="named"/>, the variable <see cref="EnvironmentVariable"/>, a
    /// checkpoint in the folder <c>weights/</c> of the current directory, <see cref="CachePath"/>. Fetches nothing.
    /// </summary>
    /// <param name="named">What a user named, returned as it is; null where nobody did.</param>
    /// <returns>
    /// A file, a folder or <c>synthetic[:SEED]</c>, for <see cref="WeightSource"/>; null when there is nothing.
    /// </returns>
    public static string? Locate(string? named = null) => Locate(named, Environment.GetEnvironmentVariable, here: "");

    /// <summary>
    /// Downloads the checkpoint, unless the file is there already and whole, or Hugging Face's tools have fetched it:
    /// then it is copied from their cache. What arrives goes to <c>FILE.part</c>, which a later attempt continues; only
    /// a file of the announced size and SHA-256 gets its final name, and of <c>facebook/dino-vits16</c> only the pinned
    /// one. The digest of another model's first download is kept in <c>FILE.sha256</c>; another one is refused from then
    /// on. The variables <c>HF_ENDPOINT</c>, <c>HF_TOKEN</c>, <c>HF_HUB_OFFLINE</c>, <c>HF_HOME</c> and
    /// <c>HF_HUB_CACHE</c> count as for those tools.
    /// </summary>
    /// <param name="path">Where it goes, such as <see cref="CachePath"/>; its folder is made.</param>
    /// <param name="options">What and from where; null for <c>facebook/dino-vits16</c> from the hub.</param>
    /// <param name="progress">Told about every megabyte and every broken connection.</param>
    /// <param name="cancellation">Stops it; what has arrived stays in <c>FILE.part</c>.</param>
    /// <exception cref="DinoException">
    /// The hub cannot be reached, refuses, or sends something else than it announced; the file cannot be written; or
    /// what lies beside it would prepare the pictures of one of them wrongly.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<WeightsDownloadResult> PullAsync(
        string path,
        WeightsDownloadOptions? options = null,
        IProgress<WeightsDownloadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new WeightsDownloadOptions();
        PublishedModel? model = PublishedModel.Find(options.Repository);
        if (model is { IsInParts: true } && options.FileName == CheckpointNames.Safetensors)
        {
            throw new WeightsException(
                $"{model.Repository}: the hub has it in several files, and one file is fetched at a time",
                $"fetch it with 'hf download {model.Repository}', then pass --weights {model.Repository}");
        }

        if (model is not null && path.Length > 0)
            RequireFolder(path, model, options);
        WeightsDownloadResult result = await WeightsDownload.RunAsync(path, options, progress, cancellation).ConfigureAwait(false);
        if (model?.Pictures is { } pictures)
            WritePictures(result.Path, pictures);
        return result;
    }

    /// <summary>
    /// A folder has one <c>preprocessor_config.json</c> for all of its weights. So a model with pictures of its own
    /// needs a folder of its own.
    /// </summary>
    private static void RequireFolder(string path, PublishedModel model, WeightsDownloadOptions options)
    {
        string file = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(file) ?? file;
        if (!Directory.Exists(folder))
            return;
        string hint = $"name a folder of its own, such as {options.DefaultPath}";
        PreprocessorConfig? beside = PreprocessorFile.Beside(file);
        if (beside is not null && (model.Pictures is { } own
            ? !beside.IsSameAs(own)
            : PublishedModel.All.Any(other => other.Pictures is { } pictures && beside.IsSameAs(pictures))))
        {
            throw new WeightsException($"{folder}: {PreprocessorFile.FileName} is for other pictures than those of {model.Name}", hint);
        }

        if (model.Pictures is not null && CheckpointNames.In(folder).FirstOrDefault(other => other != file) is { } another)
        {
            throw new WeightsException(
                $"{folder}: {Path.GetFileName(another)} is there, whose pictures are not those of {model.Name} (expected no other weights)",
                hint);
        }
    }

    /// <summary>What the tensors of a model do not say about its pictures goes into a file beside them.</summary>
    private static void WritePictures(string path, PreprocessorConfig pictures)
    {
        string beside = Path.Combine(Path.GetDirectoryName(path) ?? "", PreprocessorFile.FileName);
        if (!File.Exists(beside))
            SafetensorsWriter.WritePreprocessor(beside, pictures);
    }

    /// <inheritdoc cref="Locate(string?)"/>
    /// <param name="named">As there.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="here">The folder that contains <c>weights/</c>; empty for the current one.</param>
    internal static string? Locate(string? named, Func<string, string?> variable, string here)
    {
        if (named is not null)
            return named;
        if (variable(EnvironmentVariable) is { Length: > 0 } set)
            return set;

        string folder = Path.Combine(here, Folder);
        if (Directory.Exists(folder) && CheckpointNames.In(folder).Any())
            return folder;
        string cached = CachePathOf(variable);
        return File.Exists(cached) ? cached : null;
    }

    /// <inheritdoc cref="CachePath"/>
    internal static string CachePathOf(Func<string, string?> variable)
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
}
