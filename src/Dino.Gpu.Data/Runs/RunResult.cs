namespace Dino.Gpu.Data.Runs;

/// <summary>What a run has in its folder, or in its file.</summary>
/// <param name="IsWhole">Whether every row is there; false after a cancellation.</param>
/// <param name="Rows">Rows that are there.</param>
/// <param name="Total">Rows of the run.</param>
/// <param name="Failed">Images that could not be read.</param>
/// <param name="Shards">Shards of the whole run; 0 for one file.</param>
public sealed record RunResult(bool IsWhole, long Rows, long Total, long Failed, long Shards);
