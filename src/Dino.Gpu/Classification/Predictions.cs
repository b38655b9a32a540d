namespace Dino.Gpu.Classification;

/// <summary>
/// The most likely classes of each vector, up to five, best first. Equal scores are in the order of their class
/// indices.
/// </summary>
public sealed class Predictions
{
    /// <summary>The most classes that are kept for a vector, as top-5 needs.</summary>
    public const int Depth = 5;

    private readonly int[] _classes; // (count, depth)
    private readonly double[] _scores; // (count, depth)
    private readonly int[] _kept; // (count)

    internal Predictions(int count)
    {
        _classes = new int[count * Depth];
        _scores = new double[count * Depth];
        _kept = new int[count];
    }

    /// <summary>The number of vectors.</summary>
    public int Count => _kept.Length;

    /// <summary>
    /// The most likely classes of a vector. There are fewer than five if there are fewer classes, or if no other class
    /// had a vote.
    /// </summary>
    /// <param name="index">Counted from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such vector.</exception>
    public ReadOnlySpan<int> Classes(int index)
    {
        Arguments.ThrowIfNoIndex(index, Count);
        return _classes.AsSpan(index * Depth, _kept[index]);
    }

    /// <summary>The scores of these classes, from 0 to 1: shares of the vote, or probabilities.</summary>
    /// <param name="index">Counted from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such vector.</exception>
    public ReadOnlySpan<double> Scores(int index)
    {
        Arguments.ThrowIfNoIndex(index, Count);
        return _scores.AsSpan(index * Depth, _kept[index]);
    }

    /// <summary>The share of vectors whose class is among the first predicted ones.</summary>
    /// <param name="labels">(count): the true classes.</param>
    /// <param name="top">How many predictions count: 1 to 5.</param>
    public double Accuracy(ReadOnlySpan<int> labels, int top)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(top, Depth);
        if (labels.Length != Count)
            throw new ArgumentException($"{labels.Length} labels for {Count} predictions.", nameof(labels));
        int right = 0;
        for (int i = 0; i < Count; i++)
            right += Classes(i)[..Math.Min(top, _kept[i])].Contains(labels[i]) ? 1 : 0;
        return (double)right / Count;
    }

    /// <summary>Keeps the best of a vector's classes.</summary>
    /// <param name="index">The vector.</param>
    /// <param name="scores">(classes)</param>
    /// <param name="floor">Only greater scores are kept.</param>
    /// <returns>The kept scores. The caller may replace them with others in the same order.</returns>
    internal Span<double> Set(int index, ReadOnlySpan<double> scores, double floor)
    {
        Span<int> classes = _classes.AsSpan(index * Depth, Depth);
        Span<double> best = _scores.AsSpan(index * Depth, Depth);
        int kept = 0;
        for (int label = 0; label < scores.Length; label++)
        {
            double score = scores[label];
            if (!(score > floor) || (kept == Depth && score <= best[Depth - 1]))
                continue;
            int place = kept < Depth ? kept++ : Depth - 1;
            for (; place > 0 && best[place - 1] < score; place--)
                (classes[place], best[place]) = (classes[place - 1], best[place - 1]);
            (classes[place], best[place]) = (label, score);
        }

        _kept[index] = kept;
        return best[..kept];
    }
}
