namespace Dino.Gpu.Features;

/// <summary>
/// The mean of a picture's class tokens at several scales, scaled to length 1: <c>multi_scale</c> in the original's
/// <c>utils.py</c>. Sums are in double precision.
/// </summary>
internal sealed class MultiScale
{
    private readonly double[] _sums; // (images, hidden)
    private readonly int _hidden;

    /// <param name="images">The number of pictures.</param>
    /// <param name="hidden">Values of a class token.</param>
    public MultiScale(int images, int hidden)
    {
        _sums = new double[images * hidden];
        _hidden = hidden;
    }

    /// <summary>The scales of the original: 1, 1 / sqrt(2) and 1 / 2.</summary>
    public static IReadOnlyList<double> Default { get; } = [1, 1 / Math.Sqrt(2), 0.5];

    /// <summary>Adds one scale.</summary>
    /// <param name="classTokens">(images, hidden)</param>
    public void Add(ReadOnlySpan<float> classTokens)
    {
        for (int i = 0; i < _sums.Length; i++)
            _sums[i] += classTokens[i];
    }

    /// <summary>
    /// (images, hidden): the sums scaled to length 1. The means scaled to length 1 are the same. Zeros stay zeros.
    /// </summary>
    public float[] Normalized()
    {
        var result = new float[_sums.Length];
        for (int start = 0; start < result.Length; start += _hidden)
        {
            double length = Math.Max(Math.Sqrt(_sums.AsSpan(start, _hidden).ToArray().Sum(value => value * value)), 1e-12);
            for (int i = start; i < start + _hidden; i++)
                result[i] = (float)(_sums[i] / length);
        }

        return result;
    }
}
