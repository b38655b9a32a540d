namespace Dino.Gpu.Imaging;

/// <summary>
/// The inverse cosine transform of libjpeg (<c>jidctint.c</c>, the accurate integer method), to the last bit: after
/// Loeffler, Ligtenberg and Moschytz, with 13 fractional bits in constants and 2 between the passes.
/// </summary>
internal static class JpegTransform
{
    private const int ConstantBits = 13;
    private const int PassBits = 2;

    // Round(constant * 2^13)
    private const int F0298631336 = 2446;
    private const int F0390180644 = 3196;
    private const int F0541196100 = 4433;
    private const int F0765366865 = 6270;
    private const int F0899976223 = 7373;
    private const int F1175875602 = 9633;
    private const int F1501321110 = 12299;
    private const int F1847759065 = 15137;
    private const int F1961570560 = 16069;
    private const int F2053119869 = 16819;
    private const int F2562915447 = 20995;
    private const int F3072711026 = 25172;

    /// <param name="coefficients">(8, 8), rows of rising vertical frequency.</param>
    /// <param name="quantization">(8, 8)</param>
    /// <param name="samples">Where the block's first sample goes.</param>
    /// <param name="stride">From one row of samples to the next.</param>
    public static void Inverse(ReadOnlySpan<short> coefficients, ReadOnlySpan<int> quantization, Span<byte> samples, int stride)
    {
        if (coefficients[1..64].IndexOfAnyExcept((short)0) < 0)
        {
            byte mean = Sample(((coefficients[0] * quantization[0] << PassBits) + (1 << PassBits + 2)) >> PassBits + 3);
            for (int row = 0; row < 8; row++)
                samples.Slice(row * stride, 8).Fill(mean);
            return;
        }

        Span<int> values = stackalloc int[64];
        for (int i = 0; i < 64; i++)
            values[i] = coefficients[i] * quantization[i];
        for (int column = 0; column < 8; column++)
            Pass(values[column..], 8, ConstantBits - PassBits);
        for (int row = 0; row < 8; row++)
        {
            Span<int> line = values.Slice(8 * row, 8);
            Pass(line, 1, ConstantBits + PassBits + 3);
            Span<byte> to = samples.Slice(row * stride, 8);
            for (int i = 0; i < 8; i++)
                to[i] = Sample(line[i]);
        }
    }

    /// <summary>Eight values, a step apart, in place.</summary>
    private static void Pass(Span<int> values, int step, int shift)
    {
        int v0 = values[0], v1 = values[step], v2 = values[2 * step], v3 = values[3 * step];
        int v4 = values[4 * step], v5 = values[5 * step], v6 = values[6 * step], v7 = values[7 * step];

        // Even part
        int z1 = (v2 + v6) * F0541196100;
        int t2 = z1 - v6 * F1847759065;
        int t3 = z1 + v2 * F0765366865;
        int t0 = v0 + v4 << ConstantBits;
        int t1 = v0 - v4 << ConstantBits;
        int t10 = t0 + t3, t13 = t0 - t3, t11 = t1 + t2, t12 = t1 - t2;

        // Odd part
        int z5 = (v7 + v3 + v5 + v1) * F1175875602;
        int z3 = z5 - (v7 + v3) * F1961570560;
        int z4 = z5 - (v5 + v1) * F0390180644;
        z1 = (v7 + v1) * -F0899976223;
        int z2 = (v5 + v3) * -F2562915447;
        t0 = v7 * F0298631336 + z1 + z3;
        t1 = v5 * F2053119869 + z2 + z4;
        t2 = v3 * F3072711026 + z2 + z3;
        t3 = v1 * F1501321110 + z1 + z4;

        int half = 1 << shift - 1;
        values[0] = t10 + t3 + half >> shift;
        values[7 * step] = t10 - t3 + half >> shift;
        values[step] = t11 + t2 + half >> shift;
        values[6 * step] = t11 - t2 + half >> shift;
        values[2 * step] = t12 + t1 + half >> shift;
        values[5 * step] = t12 - t1 + half >> shift;
        values[3 * step] = t13 + t0 + half >> shift;
        values[4 * step] = t13 - t0 + half >> shift;
    }

    private static byte Sample(int value) => (byte)Math.Clamp(value + 128, 0, 255);
}
