using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>What was written into an index.</summary>
/// <param name="Count">Vectors.</param>
/// <param name="Dimension">Values of a vector.</param>
/// <param name="Failed">Rows without an embedding, which are left out.</param>
/// <param name="Model">What made the vectors; null if that is not known.</param>
internal sealed record IndexSummary(int Count, int Dimension, int Failed, Provenance? Model);
