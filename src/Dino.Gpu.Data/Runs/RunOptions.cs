using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Runs;

/// <summary>How the rows of a run are made and written, beside the model.</summary>
internal sealed record RunOptions
{
    /// <summary>Name of the shards' format.</summary>
    public required string Format { get; init; }

    /// <summary>Type of the values in the shards.</summary>
    public FloatType Type { get; init; }

    /// <summary>Whether every vector is scaled to length 1.</summary>
    public bool Normalize { get; init; }

    /// <summary>Whether rows carry the SHA-256 of their image file.</summary>
    public bool Sha256 { get; init; }

    /// <summary>What becomes of the row of an image that cannot be read.</summary>
    public OnError OnError { get; init; }

    /// <summary>Most pixels of a picture.</summary>
    public required long MaxPixels { get; init; }

    /// <summary>Rows of a shard.</summary>
    public required long ShardSize { get; init; }
}
