using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Runs;

/// <summary>How the rows of a run are written.</summary>
public sealed record RunOptions
{
    /// <summary>
    /// Format of the shards: <c>npy</c>, <c>npz</c>, <c>jsonl</c>, <c>csv</c>, <c>parquet</c> or <c>safetensors</c>.
    /// </summary>
    public string Format { get; init; } = "npy";

    /// <summary>Type of the values in the shards.</summary>
    public FloatType Type { get; init; }

    /// <summary>Rows of a shard, from 1 to <see cref="int.MaxValue"/>.</summary>
    public long ShardSize { get; init; } = 10_000;

    /// <summary>What becomes of the row of an image that cannot be read.</summary>
    public OnError OnError { get; init; }

    /// <summary>Failed images after which the run ends; null for any number.</summary>
    public long? MaxErrors { get; init; }

    /// <summary>What becomes of the row of an image that the system cannot read.</summary>
    public OnIoError OnIoError { get; init; }

    /// <summary>
    /// Whether to delete the shards of another run in the folder. Without it, another run is refused.
    /// </summary>
    public bool Overwrite { get; init; }

    /// <summary>
    /// Whether a run resumes although its rows will not be those of one process: on another kind of processor, or after
    /// pictures were replaced whose rows are done.
    /// </summary>
    public bool AllowMixed { get; init; }

    /// <summary>Told what the user should know, in one line.</summary>
    public Action<string>? Note { get; init; }

    /// <summary>The part of the list that this run embeds; all of it by default.</summary>
    internal ShardSelection Part { get; init; } = ShardSelection.Whole;

    /// <exception cref="ArgumentNullException">There is no format.</exception>
    /// <exception cref="DinoException">A value is outside of what a run can do, or can write down to be resumed.</exception>
    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Format);
        FormatCatalog.Named(Format);
        if (ShardSize is < 1 or > int.MaxValue)
            throw new DinoException($"the shard size is {ShardSize} (expected 1 to {int.MaxValue})");
        if (MaxErrors < 0)
            throw new DinoException($"the number of errors allowed is {MaxErrors} (expected 0 or more)");
        Arguments.RequireDefined("type of the values", Type);
        Arguments.RequireDefined("choice for images that cannot be read", OnError);
        Arguments.RequireDefined("choice for images that the system cannot read", OnIoError);
    }
}
