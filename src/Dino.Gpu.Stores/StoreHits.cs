using Dino.Gpu.Search;

namespace Dino.Gpu.Stores;

/// <summary>Scores of what a server found. Servers compute cosines in single precision, each in its own way.</summary>
internal static class StoreHits
{
    /// <summary>Hits with exact cosines, best first; equal scores in the order of their names.</summary>
    /// <param name="query">(dimension)</param>
    /// <param name="found">What the server found.</param>
    public static IReadOnlyList<StoreHit> Rank(ReadOnlyMemory<float> query, IEnumerable<StoredVector> found) =>
    [
        .. found.Select(row => new StoreHit(row.Picture, NearestNeighbors.Cosine(query.Span, row.Values.Span)))
            .OrderByDescending(hit => hit.Score)
            .ThenBy(hit => hit.Picture.Archive, StringComparer.Ordinal)
            .ThenBy(hit => hit.Picture.Path, StringComparer.Ordinal),
    ];
}
