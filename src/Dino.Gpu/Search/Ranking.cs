using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Search;

/// <summary>
/// Turns candidates into results. It finds the candidates that could be among the best, and orders them by
/// double-precision scores. Each thread has its own object.
/// </summary>
internal sealed class Ranking(DistinctVectors vectors, Similarity similarity)
{
    private ulong[] _keys = [];
    private int[] _candidates = [];
    private double[] _scores = [];
    private readonly List<int> _ties = [];

    /// <summary>
    /// Ranks the candidates of a query, unless a vector that is not a candidate could be among the best.
    /// </summary>
    /// <param name="lists">The candidates of the batch.</param>
    /// <param name="list">The query's place in the batch.</param>
    /// <param name="keep">The number of candidates that the batch kept.</param>
    /// <param name="error">The bound of the device's error.</param>
    /// <param name="query">(dimension)</param>
    /// <param name="square">The square of its length.</param>
    /// <param name="indices">(k), filled when the result is certain.</param>
    /// <param name="scores">(k), filled when the result is certain.</param>
    /// <returns>NaN for a certain result; else the floor of the next search.</returns>
    public float Rank(
        CandidateLists lists,
        int list,
        int keep,
        double error,
        ReadOnlySpan<float> query,
        double square,
        Span<int> indices,
        Span<double> scores)
    {
        int count = lists.Collect(list, ref _keys);
        Span<ulong> keys = _keys.AsSpan(0, count);
        keys.Sort();
        keys.Reverse();

        // At least k rows have device scores of at least kth, so their exact scores are at least kth - error. A vector
        // whose device score is below kth - 2 error has a lower exact score than all of them.
        int last = 0;
        for (int rows = 0; last < count; last++)
        {
            rows += vectors.Rows(TopKList.Index(keys[last])).Length;
            if (rows >= indices.Length)
                break;
        }

        double cutoff = last < count ? TopKList.Score(keys[last]) - 2 * error : double.NegativeInfinity;
        bool complete = count < keep || keep == vectors.Count || TopKList.Score(keys[keep - 1]) < cutoff;
        if (!complete)
            return Below(cutoff);

        int candidates = last;
        while (candidates < count && TopKList.Score(keys[candidates]) >= cutoff)
            candidates++;
        Reserve(candidates);
        for (int i = 0; i < candidates; i++)
            _candidates[i] = TopKList.Index(keys[i]);
        Score(candidates, query, square);
        Expand(candidates, indices, scores);
        return float.NaN;
    }

    /// <summary>Ranks every vector: for so few that finding candidates would take longer.</summary>
    /// <param name="query">(dimension)</param>
    /// <param name="square">The square of its length.</param>
    /// <param name="indices">(k), filled.</param>
    /// <param name="scores">(k), filled.</param>
    public void RankAll(ReadOnlySpan<float> query, double square, Span<int> indices, Span<double> scores)
    {
        Reserve(vectors.Count);
        for (int i = 0; i < vectors.Count; i++)
            _candidates[i] = i;
        Score(vectors.Count, query, square);
        Expand(vectors.Count, indices, scores);
    }

    /// <summary>The largest float below a number.</summary>
    public static float Below(double value)
    {
        float nearest = (float)value;
        return nearest < value ? nearest : MathF.BitDecrement(nearest);
    }

    private void Reserve(int candidates)
    {
        if (_candidates.Length >= candidates)
            return;
        int room = (int)Math.Min(vectors.Count, 2L * candidates);
        _candidates = new int[room];
        _scores = new double[room];
    }

    /// <summary>Computes exact scores, four at a time.</summary>
    private void Score(int count, ReadOnlySpan<float> query, double square)
    {
        int done = 0;
        for (; done + 4 <= count; done += 4)
        {
            (_scores[done], _scores[done + 1], _scores[done + 2], _scores[done + 3]) = ExactScore.Dot4(
                query,
                vectors.Values(_candidates[done]),
                vectors.Values(_candidates[done + 1]),
                vectors.Values(_candidates[done + 2]),
                vectors.Values(_candidates[done + 3]));
        }

        for (; done < count; done++)
            _scores[done] = ExactScore.Dot(query, vectors.Values(_candidates[done]));
        for (int i = 0; i < count && similarity == Similarity.Cosine; i++)
            _scores[i] = ExactScore.Cosine(_scores[i], square, vectors.Square(_candidates[i]));
    }

    /// <summary>
    /// Fills the result: best first, each vector with its copies, equal scores in the order of their rows.
    /// </summary>
    private void Expand(int candidates, Span<int> indices, Span<double> scores)
    {
        Array.Sort(_scores, _candidates, 0, candidates);
        int filled = 0;
        for (int end = candidates; filled < indices.Length;)
        {
            double score = _scores[end - 1];
            int start = end - 1;
            while (start > 0 && _scores[start - 1] == score)
                start--;
            _ties.Clear();
            for (int i = start; i < end; i++)
            {
                ReadOnlySpan<int> rows = vectors.Rows(_candidates[i]);
                _ties.AddRange(rows[..Math.Min(rows.Length, indices.Length - filled)]);
            }

            if (end - start > 1)
                _ties.Sort();
            for (int i = 0; i < _ties.Count && filled < indices.Length; i++, filled++)
            {
                indices[filled] = _ties[i];
                scores[filled] = score;
            }

            end = start;
        }
    }
}
