namespace Dino.Gpu.USearch;

/// <summary>How an <see cref="ApproximateIndex"/> is built.</summary>
public sealed record ApproximateIndexOptions
{
    /// <summary>How the graph keeps its copies of the vectors.</summary>
    public GraphPrecision Precision { get; init; } = GraphPrecision.Float16;

    /// <summary>
    /// Neighbors that a vector is linked to, 2 to 512; twice as many in the lowest layer. What others call <c>M</c>.
    /// More find more and need more memory.
    /// </summary>
    public int Connectivity { get; init; } = 16;

    /// <summary>
    /// Candidates among which the neighbors of a vector are chosen. What others call <c>ef_construction</c>. More build a
    /// better graph and take longer.
    /// </summary>
    public int Expansion { get; init; } = 128;

    /// <summary>
    /// Threads that build; null for one per core. More than one make another graph each time, because they race.
    /// </summary>
    public int? Threads { get; init; }
}
