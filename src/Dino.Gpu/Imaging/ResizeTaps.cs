namespace Dino.Gpu.Imaging;

/// <summary>
/// The input samples and weights of each output sample along one side, by antialiased resampling as Pillow and torch's
/// <c>interpolate(antialias=True)</c> do it. When the side shrinks, the filter widens in proportion, so that every input
/// sample counts. Samples outside the side do not count: the weights of the others sum to 1.
/// </summary>
internal sealed class ResizeTaps
{
    private readonly int[] _starts;
    private readonly int[] _taps;
    private readonly double[] _weights; // (Count, Stride)

    /// <summary>
    /// Computes the weights of output samples <paramref name="first"/> to <paramref name="first"/> +
    /// <paramref name="count"/> - 1 of a side resized from <paramref name="inputSize"/> to
    /// <paramref name="outputSize"/>.
    /// </summary>
    public ResizeTaps(int inputSize, long outputSize, ResizeFilter filter, long first, int count)
    {
        Arguments.ThrowIfUndefined(filter);
        double scale = (double)inputSize / outputSize;
        double filterScale = Math.Max(scale, 1.0);
        double inverse = 1.0 / filterScale;
        double support = (filter == ResizeFilter.Bilinear ? 1.0 : 2.0) * filterScale;

        Stride = (int)Math.Min((long)Math.Ceiling(support) * 2 + 1, inputSize);
        _starts = new int[count];
        _taps = new int[count];
        _weights = new double[checked(count * Stride)];
        for (int i = 0; i < count; i++)
        {
            double center = (first + i + 0.5) * scale;
            int start = Math.Max((int)(center - support + 0.5), 0);
            int taps = Math.Min((int)(center + support + 0.5), inputSize) - start;

            // The order of these operations is Pillow's. It decides the last bit of a weight, and so now and then a
            // pixel.
            Span<double> weights = _weights.AsSpan(i * Stride, taps);
            double sum = 0;
            for (int tap = 0; tap < taps; tap++)
            {
                double x = (tap + start - center + 0.5) * inverse;
                weights[tap] = filter == ResizeFilter.Bilinear ? Triangle(x) : Cubic(x);
                sum += weights[tap];
            }

            for (int tap = 0; tap < taps && sum != 0; tap++)
                weights[tap] /= sum;
            _starts[i] = start;
            _taps[i] = taps;
        }
    }

    /// <summary>Number of output samples.</summary>
    public int Count => _starts.Length;

    /// <summary>The most weights of an output sample.</summary>
    public int Stride { get; }

    /// <summary>First input sample that any output sample uses.</summary>
    public int InputStart => _starts[0]; // centers grow, so starts and ends grow too

    /// <summary>One past the last input sample that any output sample uses.</summary>
    public int InputEnd => _starts[^1] + _taps[^1];

    /// <summary>First input sample of output sample <paramref name="i"/>.</summary>
    public int Start(int i) => _starts[i];

    /// <summary>
    /// Weights of output sample <paramref name="i"/>, one for each input sample from <see cref="Start"/> on.
    /// </summary>
    public ReadOnlySpan<double> Weights(int i) => _weights.AsSpan(i * Stride, _taps[i]);

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
