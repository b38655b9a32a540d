using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Server;

/// <summary>What the endpoints of <c>MapDinoGpu</c> offer, and how much they take.</summary>
public sealed class DinoServerOptions
{
    /// <summary>The model's name in requests and answers.</summary>
    public string ModelId { get; set; } = "dino";

    /// <summary>Whether embeddings are divided by their length unless a request says <c>normalize</c>.</summary>
    public bool Normalize { get; set; }

    /// <summary>Most bytes of a request's body; more are answered with 413.</summary>
    public long MaxBodyBytes { get; set; } = 32 << 20;

    /// <summary>Most pictures of a request; more are answered with 422.</summary>
    public int MaxItems { get; set; } = 256;

    /// <summary>
    /// Most bytes of all bodies, and of vectors for answers, that are in memory at the same time; what would exceed it is
    /// answered with 429. At least four times <see cref="MaxBodyBytes"/> count.
    /// </summary>
    public long MaxBufferedBytes { get; set; } = 512 << 20;

    /// <summary>The longest time that a body may take to arrive; then the answer is 408.</summary>
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Most passes besides those of the queue, such as for attention maps, that wait or run; more are answered with
    /// 429.
    /// </summary>
    public int MaxPasses { get; set; } = 64;

    /// <summary>When a client is told to try again, if the server is too busy.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long <c>/health/ready</c> says no while the server still takes requests, after it was told to stop: as long
    /// as whoever distributes requests needs to notice.
    /// </summary>
    public TimeSpan DrainDelay { get; set; }

    /// <summary>
    /// A file with the keys that clients may use, one a line; null for none, so that everybody may ask. Empty lines and
    /// those that begin with <c>#</c> do not count.
    /// </summary>
    public string? ApiKeyFile { get; set; }

    /// <summary>
    /// Hosts that pictures may be fetched from; empty for none: then a URL in a request is an error. Private addresses
    /// are refused whatever their name, and so is every redirect.
    /// </summary>
    public IList<string> AllowedUrlHosts { get; } = [];

    /// <summary>Whether pictures are fetched from private addresses, too: for tests in one machine.</summary>
    internal bool AllowsPrivateAddresses { get; set; }

    /// <summary>The longest time that fetching one picture may take.</summary>
    public TimeSpan UrlTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Opens the index to search; null for none. The server disposes it.</summary>
    public Func<CancellationToken, VectorIndex>? Index { get; set; }

    /// <summary>Whether clients may add and remove vectors of the index.</summary>
    public bool IsIndexWritable { get; set; } = true;

    /// <summary>
    /// Says what makes the vectors, so that those of another model are not compared; null if it is not to be checked.
    /// Called once, after the model is loaded.
    /// </summary>
    public Func<IDinoEncoder, Provenance?>? Provenance { get; set; }

    /// <summary>
    /// A folder whose pictures clients may see, as far as the index has them; null for none. Ids are paths below it.
    /// What clients add shows no picture until the index is opened again: whoever may change the index chooses what is
    /// shown then. Without <see cref="IsIndexWritable"/> only what was indexed is ever shown.
    /// </summary>
    public string? Pictures { get; set; }

    /// <summary>Whether there is a page at <c>/</c>.</summary>
    public bool HasPage { get; set; } = true;
}
