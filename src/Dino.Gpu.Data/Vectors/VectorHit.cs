namespace Dino.Gpu.Data.Vectors;

/// <summary>A vector that a search of a <see cref="VectorIndex"/> found.</summary>
/// <param name="Id">What it was added as.</param>
/// <param name="Score">Its cosine with the query, in double precision.</param>
/// <param name="Row">Its number in the index, from 0, as <c>Add</c> returned it.</param>
public readonly record struct VectorHit(string Id, double Score, int Row);
