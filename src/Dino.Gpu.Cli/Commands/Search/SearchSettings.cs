using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino search</c> was asked for.</summary>
internal sealed record SearchSettings
{
    /// <summary>Embeddings, or images.</summary>
    public required string Index { get; init; }

    /// <summary>Images, or embeddings.</summary>
    public required IReadOnlyList<string> Queries { get; init; }

    /// <summary>Neighbors of each query.</summary>
    public required int K { get; init; }

    /// <summary>Cosines below are left out; null for all.</summary>
    public required double? Threshold { get; init; }

    /// <summary>Whether a query's own row is left out.</summary>
    public required bool ExcludeSelf { get; init; }

    /// <summary>JSON Lines instead of a table.</summary>
    public required bool Json { get; init; }

    /// <summary>A page of thumbnails; null for none.</summary>
    public required string? Html { get; init; }

    /// <summary>How images become vectors where the index does not say how its own were made.</summary>
    public required VectorSettings Vectors { get; init; }
}

/// <summary>One picture that was found.</summary>
/// <param name="Rank">From 1.</param>
/// <param name="Score">Cosine.</param>
/// <param name="Image">Its row of the index.</param>
internal sealed record SearchHit(int Rank, double Score, RowInfo Image);

/// <summary>A query and what was found, best first.</summary>
internal sealed record SearchResult(RowInfo Query, IReadOnlyList<SearchHit> Hits);
