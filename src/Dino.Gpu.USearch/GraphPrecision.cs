namespace Dino.Gpu.USearch;

/// <summary>
/// How the graph keeps its copies of the vectors. It decides which candidates are found, not how they are scored.
/// </summary>
public enum GraphPrecision
{
    /// <summary>4 bytes a value.</summary>
    Float32,

    /// <summary>2 bytes a value.</summary>
    Float16,

    /// <summary>1 byte a value.</summary>
    Int8,
}
