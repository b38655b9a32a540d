using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Files of embeddings and folders of runs whose vectors go into one place: open, and found comparable.</summary>
internal sealed class GatheredRows : IDisposable
{
    private readonly List<EmbeddingRows> _inputs = [];

    /// <param name="inputs">Files of embeddings, or folders of runs.</param>
    /// <param name="comparable">Looks at the inputs.</param>
    /// <exception cref="DinoException">An input cannot be read, or the vectors cannot be compared.</exception>
    public GatheredRows(IReadOnlyList<string> inputs, ComparableVectors comparable)
    {
        try
        {
            foreach (string input in inputs)
                _inputs.Add(EmbeddingRows.Open(input));
            Model = comparable.RequireAll(
                [.. _inputs.Select(rows => (rows.Name, EmbeddingTable.DimensionOf(rows.Name, rows.Shape), rows.Model))]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>In the order of their names.</summary>
    public IReadOnlyList<EmbeddingRows> Inputs => _inputs;

    /// <summary>The shape of one vector.</summary>
    public IReadOnlyList<int> Shape => _inputs[0].Shape;

    /// <summary>What made the vectors; null if that is not known.</summary>
    public Provenance? Model { get; }

    public void Dispose()
    {
        foreach (EmbeddingRows rows in _inputs)
            rows.Dispose();
    }
}
