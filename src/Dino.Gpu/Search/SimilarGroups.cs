using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Search;

/// <summary>
/// Connected components of vectors whose cosines are at least a threshold. Each vector is a query for all scores above
/// the threshold minus the device's error. If the float32 score of a pair leaves the answer open, double precision
/// decides, unless other pairs have already joined the two.
/// </summary>
internal sealed class SimilarGroups(DistinctVectors vectors, CandidateSearch search, double error, double threshold)
{
    /// <summary>
    /// Candidates of a vector in its first search. A vector with more candidates is searched again with more room.
    /// </summary>
    private const int FirstKeep = 64;

    private const int Widening = 8;

    private readonly int[] _parents = [.. Enumerable.Range(0, vectors.Count)];
    private ulong[] _keys = [];

    /// <param name="count">The number of rows, including copies.</param>
    /// <param name="cancellation">Checked between batches.</param>
    public IReadOnlyList<int[]> Find(int count, CancellationToken cancellation)
    {
        List<int> pending = [];
        for (int vector = 0; vector < vectors.Count; vector++)
        {
            if (vectors.Square(vector) > 0)
                pending.Add(vector);
            else
                JoinZeros(vector);
        }

        for (int keep = Math.Min(FirstKeep, vectors.Count); pending.Count > 0; keep = (int)Math.Min((long)Widening * keep, vectors.Count))
        {
            var more = new List<int>();
            int batch = search.MaxQueries(keep);
            for (int first = 0; first < pending.Count; first += batch)
            {
                cancellation.ThrowIfCancellationRequested();
                Join(pending.GetRange(first, Math.Min(batch, pending.Count - first)), keep, more);
            }

            pending = more;
        }

        return Collect(count);
    }

    /// <summary>
    /// Joins each vector of a batch with those that are similar to it. A vector with more candidates than were kept
    /// goes to <paramref name="more"/>.
    /// </summary>
    private void Join(List<int> batch, int keep, List<int> more)
    {
        float[] scaled = new float[batch.Count * vectors.Dimension];
        float[] floors = new float[batch.Count];
        Array.Fill(floors, Ranking.Below(threshold - error));
        for (int i = 0; i < batch.Count; i++)
            vectors.CopyScaled(batch[i], scaled.AsSpan(i * vectors.Dimension));
        using CandidateLists lists = search.Run(scaled, floors, keep);
        for (int i = 0; i < batch.Count; i++)
        {
            int count = lists.Collect(i, ref _keys);
            for (int candidate = 0; candidate < count; candidate++)
            {
                int other = TopKList.Index(_keys[candidate]);
                if (Root(batch[i]) != Root(other) && (TopKList.Score(_keys[candidate]) >= threshold + error || IsSimilar(batch[i], other)))
                    _parents[Root(other)] = Root(batch[i]);
            }

            if (count >= keep && keep < vectors.Count)
                more.Add(batch[i]);
        }
    }

    private bool IsSimilar(int left, int right) =>
        ExactScore.Cosine(
            ExactScore.Dot(vectors.Values(left), vectors.Values(right)), vectors.Square(left), vectors.Square(right)) >= threshold;

    /// <summary>Joins a vector of zeros, whose cosine with every other vector is 0.</summary>
    private void JoinZeros(int zeros)
    {
        for (int vector = 0; vector < vectors.Count && threshold <= 0; vector++)
            _parents[Root(vector)] = Root(zeros);
    }

    private int Root(int vector)
    {
        while (_parents[vector] != vector)
            vector = _parents[vector] = _parents[_parents[vector]];
        return vector;
    }

    private List<int[]> Collect(int count)
    {
        var groups = new Dictionary<int, List<int>>();
        for (int vector = 0; vector < vectors.Count; vector++)
        {
            // The cosine of two copies is 1; of two vectors of zeros it is 0.
            ReadOnlySpan<int> rows = vectors.Rows(vector);
            bool together = threshold <= (vectors.Square(vector) > 0 ? 1 : 0);
            if (!groups.TryGetValue(Root(vector), out List<int>? group))
                groups.Add(Root(vector), group = []);
            group.AddRange(together ? rows : rows[..1]);
        }

        return [.. groups.Values.Where(group => group.Count > 1).Select(group => group.Order().ToArray()).OrderBy(group => group[0])];
    }
}
