namespace Dino.Gpu.Imaging;

/// <summary>
/// The input pixels and weights of each pixel along one output side, by Pillow's antialiased resampling. When the side
/// shrinks, the filter widens in proportion, so that every input pixel counts.
/// </summary>
internal sealed class ResizeCoefficients
{
    /// <summary>Fixed-point bits of a weight: 32, minus 8 for the pixel, minus 2 for sign and overshoot.</summary>
    public const int PrecisionBits = 32 - 8 - 2;

    private readonly int[] _starts;
    private readonly int[] _taps;
    private readonly int[] _weights;
    private readonly int _stride;

    /// <summary>
    /// Computes the weights of output pixels <paramref name="first"/> to <paramref name="first"/> +
    /// <paramref name="count"/> - 1 of a side resized from <paramref name="inputSize"/> to
    /// <paramref name="outputSize"/>.
    /// </summary>
    public ResizeCoefficients(int inputSize, long outputSize, ResizeFilter filter, long first, int count)
    {
        double scale = (double)inputSize / outputSize;
        double filterScale = Math.Max(scale, 1.0);
        double inverse = 1.0 / filterScale;
        double support = (filter == ResizeFilter.Bilinear ? 1.0 : 2.0) * filterScale;

        _stride = (int)Math.Min((long)Math.Ceiling(support) * 2 + 1, inputSize);
        _starts = new int[count];
        _taps = new int[count];
        _weights = new int[checked(count * _stride)];
        double[] exact = new double[_stride];
        for (int i = 0; i < count; i++)
        {
            double center = (first + i + 0.5) * scale;
            int start = Math.Max((int)(center - support + 0.5), 0);
            int taps = Math.Min((int)(center + support + 0.5), inputSize) - start;

            // The order of these operations is Pillow's. It decides the last bit of a weight, and so now and then a
            // pixel.
            double sum = 0;
            for (int tap = 0; tap < taps; tap++)
            {
                double x = (tap + start - center + 0.5) * inverse;
                exact[tap] = filter == ResizeFilter.Bilinear ? Triangle(x) : Cubic(x);
                sum += exact[tap];
            }

            for (int tap = 0; tap < taps; tap++)
            {
                double weight = (sum != 0 ? exact[tap] / sum : exact[tap]) * (1 << PrecisionBits);
                _weights[i * _stride + tap] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5); // half away from zero
            }

            _starts[i] = start;
            _taps[i] = taps;
        }
    }

    /// <summary>Number of output pixels.</summary>
    public int Count => _starts.Length;

    /// <summary>First input pixel that any output pixel uses.</summary>
    public int InputStart => _starts[0]; // centers grow, so starts and ends grow too

    /// <summary>One past the last input pixel that any output pixel uses.</summary>
    public int InputEnd => _starts[^1] + _taps[^1];

    /// <summary>First input pixel of output pixel <paramref name="i"/>.</summary>
    public int Start(int i) => _starts[i];

    /// <summary>
    /// Fixed-point weights of output pixel <paramref name="i"/>, one for each input pixel from <see cref="Start"/> on.
    /// </summary>
    public ReadOnlySpan<int> Weights(int i) => _weights.AsSpan(i * _stride, _taps[i]);

    /// <summary>Integers of one entry of <see cref="ToTable"/>.</summary>
    public int TableStride => 2 + _stride;

    /// <summary>
    /// Returns the table that a kernel reads, (Count, <see cref="TableStride"/>): first input pixel, number of weights,
    /// weights.
    /// </summary>
    public int[] ToTable()
    {
        int[] table = new int[checked(Count * TableStride)];
        for (int i = 0; i < Count; i++)
        {
            table[i * TableStride] = _starts[i];
            table[i * TableStride + 1] = _taps[i];
            Weights(i).CopyTo(table.AsSpan(i * TableStride + 2));
        }

        return table;
    }

    private static double Triangle(double x)
    {
        x = Math.Abs(x);
        return x < 1.0 ? 1.0 - x : 0.0;
    }

    /// <summary>Keys' cubic convolution with a = -0.5.</summary>
    private static double Cubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (x < 1.0)
            return ((A + 2.0) * x - (A + 3.0)) * x * x + 1;
        return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * A : 0.0;
    }
}
