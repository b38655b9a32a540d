using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>A query and what was found, best first.</summary>
/// <param name="Query">The query.</param>
/// <param name="Hits">The pictures found.</param>
internal sealed record SearchResult(RowInfo Query, IReadOnlyList<SearchHit> Hits)
{
    /// <summary>Takes the results of one query from a search.</summary>
    /// <param name="query">The query.</param>
    /// <param name="indices">Rows of the index, best first.</param>
    /// <param name="scores">Their cosines.</param>
    /// <param name="index">The index.</param>
    /// <param name="self">Tells which rows are the query itself, to leave them out; null to keep them.</param>
    /// <param name="k">The most results.</param>
    /// <param name="threshold">The smallest cosine of a result; null for any.</param>
    public static SearchResult Of(
        RowInfo query,
        ReadOnlySpan<int> indices,
        ReadOnlySpan<double> scores,
        SearchIndex index,
        QueryRows? self,
        int k,
        double? threshold)
    {
        string? own = self?.Name(query);
        var hits = new List<SearchHit>();
        for (int i = 0; i < indices.Length && hits.Count < k && !(scores[i] < threshold); i++)
        {
            if (self?.Is(own!, query, indices[i]) != true)
                hits.Add(new SearchHit(hits.Count + 1, scores[i], index.Row(indices[i])));
        }

        return new SearchResult(query, hits);
    }
}

/// <summary>A picture that was found.</summary>
/// <param name="Rank">From 1.</param>
/// <param name="Score">Its cosine with the query.</param>
/// <param name="Image">Its row of the index.</param>
internal sealed record SearchHit(int Rank, double Score, RowInfo Image);
