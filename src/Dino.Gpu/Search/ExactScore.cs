namespace Dino.Gpu.Search;

/// <summary>
/// The scores that decide: double precision, summed from the first element to the last. A product of two float32 values is exact in double, so a fused
/// multiply-add gives the same, and so does every machine.
/// </summary>
internal static class ExactScore
{
    /// <summary>Inner product of two vectors.</summary>
    public static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }

    /// <summary>Length of a vector.</summary>
    public static double Norm(ReadOnlySpan<float> a) => Math.Sqrt(Dot(a, a));

    /// <summary>The cosine where <paramref name="norms"/>, the product of both lengths, is not zero; of a vector of zeros it is 0.</summary>
    public static double Cosine(double dot, double norms) => norms == 0 ? 0 : dot / norms;
}
