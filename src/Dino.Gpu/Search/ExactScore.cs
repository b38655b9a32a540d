namespace Dino.Gpu.Search;

/// <summary>
/// The scores that decide. They are in double precision, summed from the first element to the last. A product of two
/// float32 values is exact in double, so the result is the same with fused multiply-adds, and on every machine.
/// </summary>
internal static class ExactScore
{
    /// <summary>Inner product of two vectors.</summary>
    public static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        b = b[..a.Length];
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }

    /// <summary>
    /// Inner products of one vector with four others. The four sums do not wait for each other. Each equals that of
    /// <see cref="Dot"/>.
    /// </summary>
    public static (double First, double Second, double Third, double Fourth) Dot4(
        ReadOnlySpan<float> a, ReadOnlySpan<float> b0, ReadOnlySpan<float> b1, ReadOnlySpan<float> b2, ReadOnlySpan<float> b3)
    {
        b0 = b0[..a.Length];
        b1 = b1[..a.Length];
        b2 = b2[..a.Length];
        b3 = b3[..a.Length];
        double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double x = a[i];
            sum0 += x * b0[i];
            sum1 += x * b1[i];
            sum2 += x * b2[i];
            sum3 += x * b3[i];
        }

        return (sum0, sum1, sum2, sum3);
    }

    /// <summary>The square of a vector's length.</summary>
    public static double Square(ReadOnlySpan<float> a) => Dot(a, a);

    /// <summary>
    /// The cosine, from an inner product and the squares of both lengths; 0 if a vector is all zeros. It is never more than 1,
    /// and exactly 1 for equal vectors: the root of a rounded square is the number itself, which a product of two roots is not.
    /// NaN if a value is not finite: then the inner product is NaN, or it is infinite and divided by infinity.
    /// </summary>
    public static double Cosine(double dot, double square, double otherSquare) => square == 0 || otherSquare == 0
        ? double.IsNaN(dot) ? dot : 0
        : Math.Clamp(dot / Math.Sqrt(square * otherSquare), -1, 1);

    /// <summary>
    /// The bound of a device's error: how far its score can be from the exact one, in units of the product of both
    /// lengths. A device multiplies vectors that were scaled to a length of at most 1 and rounded to float32. It may
    /// sum in any order, with or without fused instructions.
    /// </summary>
    /// <remarks>
    /// Let u = 2^-24. A float32 sum of n products is off by at most n u / (1 - n u) times the sum of the products'
    /// magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). Cauchy and Schwarz bound that sum by
    /// the lengths. Each block of the sum adds one rounding. Rounding both vectors adds 2 u and a little. Numbers below
    /// the smallest normal one may become zero, which costs less than 2^-120 an element. The exact score itself rounds
    /// by 2^-53.
    /// </remarks>
    public static double DeviceError(int dimension)
    {
        double u = Math.Pow(2, -24);
        double n = dimension + dimension / 128 + 16.0;
        if (n * u >= 0.5)
            return double.PositiveInfinity;
        double sum = n * u / (1 - n * u) * (1 + 4 * u);
        double rounded = 2 * u + 4 * u * u;
        double small = dimension * Math.Pow(2, -120);
        double exact = (4.0 * dimension + 32) * Math.Pow(2, -53);
        return sum + rounded + small + exact;
    }
}
