namespace Dino.Gpu.Imaging;

/// <summary>The weights of <see cref="ResizeTaps"/> in Pillow's fixed point.</summary>
internal sealed class ResizeCoefficients
{
    /// <summary>Fixed-point bits of a weight: 32, minus 8 for the pixel, minus 2 for sign and overshoot.</summary>
    public const int PrecisionBits = 32 - 8 - 2;

    private readonly ResizeTaps _taps;
    private readonly int[] _weights; // (Count, taps.Stride)

    /// <summary>
    /// Computes the weights of output pixels <paramref name="first"/> to <paramref name="first"/> +
    /// <paramref name="count"/> - 1 of a side resized from <paramref name="inputSize"/> to
    /// <paramref name="outputSize"/>.
    /// </summary>
    public ResizeCoefficients(int inputSize, long outputSize, ResizeFilter filter, long first, int count)
    {
        _taps = new ResizeTaps(inputSize, outputSize, filter, first, count);
        _weights = new int[count * _taps.Stride];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<double> exact = _taps.Weights(i);
            for (int tap = 0; tap < exact.Length; tap++)
            {
                double weight = exact[tap] * (1 << PrecisionBits);
                _weights[i * _taps.Stride + tap] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5); // half away from zero
            }
        }
    }

    /// <summary>Number of output pixels.</summary>
    public int Count => _taps.Count;

    /// <inheritdoc cref="ResizeTaps.InputStart"/>
    public int InputStart => _taps.InputStart;

    /// <inheritdoc cref="ResizeTaps.InputEnd"/>
    public int InputEnd => _taps.InputEnd;

    /// <summary>First input pixel of output pixel <paramref name="i"/>.</summary>
    public int Start(int i) => _taps.Start(i);

    /// <summary>
    /// Fixed-point weights of output pixel <paramref name="i"/>, one for each input pixel from <see cref="Start"/> on.
    /// </summary>
    public ReadOnlySpan<int> Weights(int i) => _weights.AsSpan(i * _taps.Stride, _taps.Weights(i).Length);

    /// <summary>Integers of one entry of <see cref="ToTable"/>.</summary>
    public int TableStride => 2 + _taps.Stride;

    /// <summary>
    /// Returns the table that a kernel reads, (Count, <see cref="TableStride"/>): first input pixel, number of weights,
    /// weights.
    /// </summary>
    public int[] ToTable()
    {
        int[] table = new int[checked(Count * TableStride)];
        for (int i = 0; i < Count; i++)
        {
            table[i * TableStride] = Start(i);
            table[i * TableStride + 1] = Weights(i).Length;
            Weights(i).CopyTo(table.AsSpan(i * TableStride + 2));
        }

        return table;
    }
}
