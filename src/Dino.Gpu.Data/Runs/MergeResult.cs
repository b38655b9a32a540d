namespace Dino.Gpu.Data.Runs;

/// <summary>What a merge made.</summary>
/// <param name="Rows">Rows of the list.</param>
/// <param name="Parts">Parts that were joined.</param>
/// <param name="Failed">Images that could not be read, among the rows copied now.</param>
/// <param name="Shards">Shards of the folder; 0 for one file.</param>
/// <param name="RowShape">Shape of a row.</param>
/// <param name="WasThere">Whether the folder held all of it already.</param>
public sealed record MergeResult(long Rows, int Parts, long Failed, long Shards, IReadOnlyList<int> RowShape, bool WasThere);
