using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
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

    /// <summary>How images become rows.</summary>
    public required EmbedderOptions Embedder { get; init; }

    /// <summary>Where rows go.</summary>
    public required OutputTarget Target { get; init; }

    public FloatType Type { get; init; }

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
}
