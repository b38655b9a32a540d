using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;

namespace Dino.Gpu.Stores;

/// <summary>Searches a store for many queries.</summary>
internal static class StoreSearch
{
    /// <summary>The results of all queries, in their order.</summary>
    /// <param name="store">The store.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="k">The most results of each.</param>
    /// <param name="threshold">The smallest cosine of a result; null for any.</param>
    /// <param name="excludesSelf">Whether to leave out a query's own row.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    public static async IAsyncEnumerable<SearchResult> ResultsAsync(
        IVectorStore store,
        EmbeddingTable queries,
        int k,
        double? threshold,
        bool excludesSelf,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var identity = new PictureIdentity();
        for (int i = 0; i < queries.Count; i++)
        {
            RowInfo query = queries.Rows[i];
            string? own = excludesSelf ? identity.Of(query) : null;
            ReadOnlyMemory<float> values = queries.Values.Slice(i * queries.Dimension, queries.Dimension);
            List<(double Score, RowInfo Row)> found;
            bool isAll;
            int asked = own is null ? k : k + 1;
            do
            {
                IReadOnlyList<StoreHit> hits = await store.SearchAsync(values, asked, cancellation).ConfigureAwait(false);
                isAll = hits.Count < asked;
                found =
                [
                    .. hits.Select(hit => (hit.Score, Row: hit.Picture.ToRow()))
                        .Where(hit => own is null || !RealPath.Comparer.Equals(identity.Of(hit.Row), own)),
                ];
                asked = checked(asked * 2); // several rows may be the query, under other names
            }
            while (found.Count < k && !isAll);

            IEnumerable<SearchHit> best = found.Take(k)
                .TakeWhile(hit => !(hit.Score < threshold))
                .Select((hit, rank) => new SearchHit(rank + 1, hit.Score, hit.Row));
            yield return new SearchResult(query, [.. best]);
        }
    }
}
