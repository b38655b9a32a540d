using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.USearch;

/// <summary>What a graph was built from: the first rows of an index.</summary>
/// <param name="Rows">How many, removed ones among them.</param>
/// <param name="Sum">The CRC-32 of their vectors.</param>
/// <param name="Dimension">Values of a vector.</param>
/// <param name="Model">What made the vectors; null if it is not known.</param>
internal sealed record GraphOrigin(int Rows, uint Sum, int Dimension, Provenance? Model)
{
    /// <summary>The first rows of an index as they are now.</summary>
    /// <exception cref="DinoException">The index cannot be read.</exception>
    public static GraphOrigin Of(VectorIndex index, IndexSnapshot now, int rows) =>
        new(rows, index.Reading(() => VectorSum.Of(now, rows, index.Dimension, index.Type)), index.Dimension, index.Model);

    /// <summary>Why a graph of this origin does not belong to an index; null if it does.</summary>
    /// <exception cref="DinoException">The index cannot be read.</exception>
    public string? DifferenceFrom(VectorIndex index, IndexSnapshot now)
    {
        if (Dimension != index.Dimension)
            return $"vectors of {Dimension} values, the index has {index.Dimension}";
        if (Model is { } model && index.Model is { } other && other.DifferenceFrom(model) is { } difference)
            return $"made differently: {difference}";
        if (now.RowCount < Rows)
            return $"built from {Rows} rows, the index has {now.RowCount}";
        return Of(index, now, Rows).Sum == Sum ? null : $"its {Rows} vectors are not the first of the index";
    }
}
