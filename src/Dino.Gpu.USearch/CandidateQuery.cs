using System.Buffers;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.USearch;

/// <summary>A search of an index at one moment: the graph offers candidates, the index scores them.</summary>
/// <param name="index">The index.</param>
/// <param name="now">Its rows.</param>
/// <param name="graph">The graph of its first rows.</param>
/// <param name="graphRows">Rows that the graph was built from. Those after them are all compared.</param>
/// <param name="k">Neighbors, at most the rows that were not removed.</param>
/// <param name="candidates">Candidates of the graph for each query.</param>
internal sealed class CandidateQuery(VectorIndex index, IndexSnapshot now, Graph graph, int graphRows, int k, int candidates)
{
    private readonly VectorScan _all = now.Scan(index.Dimension);

    /// <summary>For each query, the best of the rows that the graph lacks.</summary>
    public int[][] Added(float[] queries, int? threads, CancellationToken cancellation)
    {
        int live = 0;
        for (int row = graphRows; row < now.RowCount; row++)
            live += now.Removed.Contains(row) ? 0 : 1;
        Neighbors found = index.Reading(
            () => now.ScanFrom(graphRows, index.Dimension).Search(queries, Math.Min(k, live), threads, cancellation));
        return [.. Enumerable.Range(0, found.QueryCount).Select(query => found.Indices(query).ToArray())];
    }

    /// <summary>The result of one query.</summary>
    /// <param name="query">(dimension)</param>
    /// <param name="added">The best of the rows that the graph lacks.</param>
    /// <param name="cancellation">Ends the search.</param>
    public VectorHit[] Run(ReadOnlySpan<float> query, int[] added, CancellationToken cancellation)
    {
        double length = Math.Sqrt(ExactScore.Square(query));
        if (k > 0 && length > 0)
        {
            float[] unit = new float[query.Length];
            DistinctVectors.Scale(query, 1 / length, unit);
            // Removed rows are candidates, too, until there are enough others. As many as the graph has would be all: then
            // comparing them is simpler.
            for (long wanted = Math.Max(candidates, k); wanted < graph.Count; wanted *= 2)
            {
                (List<int> rows, bool isEnd) = Candidates(unit, (int)wanted, cancellation);
                bool isEnough = rows.Count >= Math.Max(candidates, k) || isEnd;
                rows.AddRange(added);
                if (isEnough && rows.Count >= k)
                    return Ranked(query, [.. rows]);
            }
        }

        float[] values = query.ToArray();
        return index.Reading(() => VectorIndex.Hits(now, index.Find(now, values, Math.Max(k, 1), cancellation), 0));
    }

    /// <summary>Rows that the graph finds near a query and that were not removed, and whether it found fewer than wanted.</summary>
    private (List<int> Rows, bool IsEnd) Candidates(float[] unit, int wanted, CancellationToken cancellation)
    {
        ulong[] keys = ArrayPool<ulong>.Shared.Rent(wanted);
        float[] distances = ArrayPool<float>.Shared.Rent(wanted);
        try
        {
            int found = graph.Search(unit, keys.AsSpan(0, wanted), distances, cancellation);
            var rows = new List<int>(found);
            foreach (ulong key in keys.AsSpan(0, found))
            {
                // A damaged graph could offer a row that it was not built from.
                if (key < (ulong)graphRows && !now.Removed.Contains((int)key))
                    rows.Add((int)key);
            }

            return (rows, found < wanted);
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(keys);
            ArrayPool<float>.Shared.Return(distances);
        }
    }

    private VectorHit[] Ranked(ReadOnlySpan<float> query, int[] rows)
    {
        float[] values = query.ToArray();
        return index.Reading(() => VectorIndex.Hits(now, _all.Rank(values, rows, k), 0));
    }
}
