namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino embed -o</c> or <c>dino merge</c> wrote, as its JSON has it.</summary>
/// <param name="Out">The file or folder.</param>
/// <param name="IsWhole">Whether every row is there; false after an interruption.</param>
/// <param name="Rows">Rows that are there.</param>
/// <param name="Failed">Images that could not be read.</param>
/// <param name="Shards">Shards of a folder; null for a file.</param>
/// <param name="RowShape">Shape of a row.</param>
internal sealed record WrittenRows(string Out, bool IsWhole, long Rows, long Failed, long? Shards, IReadOnlyList<int> RowShape)
{
    /// <summary>Of <c>dino embed</c>: images of this process, failed ones included.</summary>
    public long? Images { get; init; }

    /// <summary>Of <c>dino embed</c>: from its first image to its last row.</summary>
    public double? Seconds { get; init; }

    /// <summary>Of <c>dino embed</c>.</summary>
    public double? ImagesPerSecond { get; init; }

    /// <summary>Of <c>dino merge</c>: parts that were joined.</summary>
    public int? Parts { get; init; }
}
