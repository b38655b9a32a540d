namespace Dino.Gpu.Checkpoints;

/// <summary>What <see cref="DinoWeights.PullAsync"/> fetches, from where and how patiently.</summary>
public sealed record WeightsDownloadOptions
{
    /// <summary>The model on the hub.</summary>
    public const string DefaultRepository = "facebook/dino-vits16";

    /// <summary>The commit of the repository whose weights this library was checked against.</summary>
    public const string DefaultRevision = "abe3b354cb6a9b6f146096b14a4a9d7eecbcb4bd";

    /// <summary>The hub, unless the option or the environment says otherwise.</summary>
    public const string DefaultEndpoint = "https://huggingface.co";

    /// <summary>Environment variable with the address of a mirror, as Hugging Face's own tools read it.</summary>
    public const string EndpointVariable = "HF_ENDPOINT";

    /// <summary>
    /// SHA-256 of <see cref="DefaultRevision"/>'s files, by name; for these the hub's word does not count. The digest is
    /// that of the Git LFS pointer in the repository's first commit (fbc98305533186aea01e249d34b72a14a4f969e2, 86,736,629
    /// bytes), which no later commit has changed.
    /// </summary>
    internal static readonly IReadOnlyDictionary<string, string> PinnedFiles = new Dictionary<string, string>
    {
        [CheckpointNames.Torch] = "a5bb4ddaf1b3abbdbba9962d7432bbdc633527c1c3e533e0bbc4d9d1b7e08d99",
    };

    /// <summary>Base address of the hub or a mirror; null for HF_ENDPOINT, else https://huggingface.co.</summary>
    public string? Endpoint { get; init; }

    /// <summary>OWNER/NAME on the hub.</summary>
    public string Repository { get; init; } = DefaultRepository;

    /// <summary>
    /// Commit, tag or branch; unless given, <see cref="DefaultRevision"/> of the default repository and <c>main</c> of
    /// another.
    /// </summary>
    public string Revision
    {
        get => field ?? (Repository == DefaultRepository ? DefaultRevision : HubCache.MainBranch);
        init;
    }

    /// <summary>
    /// File of the repository; unless given, <c>model.safetensors</c> of DINOv2 and DINOv3, and
    /// <c>pytorch_model.bin</c> of another.
    /// </summary>
    public string FileName
    {
        get => field ?? PublishedModel.Find(Repository)?.FileName ?? CheckpointNames.Torch;
        init;
    }

    /// <summary>Where the file goes unless told otherwise: one file for each model, below <c>weights/</c>.</summary>
    internal string DefaultPath => Repository == DefaultRepository
        ? Path.Combine("weights", Path.GetFileName(FileName))
        : Path.Combine("weights", Path.GetFileName(Repository), Path.GetFileName(FileName));

    /// <summary>
    /// SHA-256 that the file must have, 64 hexadecimal digits, from somebody you trust. Null for the one that this library
    /// knows, else the one of the first download (<c>FILE.sha256</c> beside it), else the one that the hub announces.
    /// </summary>
    public string? Sha256 { get; init; }

    /// <summary>
    /// Sent to the hub and to nobody that it redirects to; null for HF_TOKEN, else the file that Hugging Face's login
    /// writes.
    /// </summary>
    public string? Token { get; init; }

    /// <summary>
    /// Connections that may break before it gives up; what has arrived is kept between them and afterwards.
    /// </summary>
    public int Attempts { get; init; } = 6;

    /// <summary>Wait before the second attempt, doubled before each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Silence after which a connection counts as broken.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>As <see cref="PinnedFiles"/>.</summary>
    internal IReadOnlyDictionary<string, string> Pins { get; init; } = PinnedFiles;

    /// <summary>The SHA-256 that this library knows of the file; null where it knows none.</summary>
    internal string? Pinned =>
        Repository == DefaultRepository && Revision == DefaultRevision ? Pins.GetValueOrDefault(FileName) : null;

    /// <summary>Reads an environment variable.</summary>
    internal Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;
}

/// <summary>How far a download is.</summary>
/// <param name="BytesDone">Bytes of the file that are on disk, including those of an earlier run.</param>
/// <param name="BytesTotal">Size that the hub announced.</param>
/// <param name="Retry">Set once when a connection broke and is tried again: why, in one line.</param>
public sealed record WeightsDownloadProgress(long BytesDone, long BytesTotal, string? Retry = null);

/// <summary>A file whose size and SHA-256 are what the hub announced.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
/// <param name="WasPresent">Whether it was there before, so that nothing was fetched.</param>
public sealed record WeightsDownloadResult(string Path, long Bytes, string Sha256, bool WasPresent);
