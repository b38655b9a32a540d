using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino embed</c> was asked for.</summary>
internal sealed record EmbedSettings
{
    /// <summary>Arguments: files, folders, globs, lists, manifests, archives, <c>-</c>.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Column of a manifest with the paths; null for the usual ones.</summary>
    public string? PathColumn { get; init; }

    /// <summary>Value of <c>--shard</c>.</summary>
    public string? Shard { get; init; }

    /// <summary>Value of <c>--weights</c>.</summary>
    public string? Weights { get; init; }

    /// <summary>Device, precision, preprocessing.</summary>
    public required DinoOptions Model { get; init; }

    public required long MaxPixels { get; init; }

    /// <summary>Files decoded at the same time.</summary>
    public required int Workers { get; init; }

    public required TimeSpan ImageTimeout { get; init; }

    /// <summary>Name of an <see cref="OutputKind"/>, as <c>--output</c> takes it.</summary>
    public required string Pooling { get; init; }

    public bool Normalize { get; init; }

    public required OutputTarget Output { get; init; }

    public FloatType Type { get; init; }

    /// <summary>Whether rows carry the SHA-256 of their file.</summary>
    public bool Sha256 { get; init; }

    /// <summary>Rows of a shard of a folder.</summary>
    public required long ShardSize { get; init; }

    /// <summary>Whether another run's shards are deleted.</summary>
    public bool Overwrite { get; init; }

    public OnError OnError { get; init; }

    public long? MaxErrors { get; init; }

    /// <summary>File for the images that could not be read, besides a folder's own.</summary>
    public string? ErrorsFile { get; init; }

    /// <summary>File for the stage times.</summary>
    public string? StatsFile { get; init; }

    public ProgressKind Progress { get; init; }

    public bool Quiet { get; init; }

    public bool Verbose { get; init; }
}
