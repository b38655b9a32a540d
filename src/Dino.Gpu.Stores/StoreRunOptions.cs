namespace Dino.Gpu.Stores;

/// <summary>What <see cref="StoreRun"/> does besides writing rows.</summary>
public sealed record StoreRunOptions
{
    /// <summary>Whether to delete, after the last row, the rows of pictures that are not among the inputs.</summary>
    public bool Prune { get; init; }

    /// <summary>Whether to build an HNSW graph after the last row, unless there is one.</summary>
    public bool Hnsw { get; init; }

    /// <summary>A file for the pictures that cannot be read, one JSON object a line; null for none.</summary>
    public string? ErrorsFile { get; init; }
}

/// <summary>What a run did to a store.</summary>
/// <param name="IsWhole">Whether it went through all inputs; false after a cancellation.</param>
/// <param name="Added">Rows of pictures that were not there.</param>
/// <param name="Replaced">Rows of pictures whose file or vector was another.</param>
/// <param name="Unchanged">Pictures whose row stayed as it was.</param>
/// <param name="Failed">Pictures without a vector. A row of an earlier run stays.</param>
/// <param name="Deleted">Rows of pictures that were not among the inputs.</param>
public sealed record StoreRunResult(bool IsWhole, long Added, long Replaced, long Unchanged, long Failed, long Deleted);
