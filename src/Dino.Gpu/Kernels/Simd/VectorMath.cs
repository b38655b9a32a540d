using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Vector exponential and normal distribution, accurate to float rounding. The coefficients are minimax fits, made for
/// this project in double precision.
/// </summary>
internal static class VectorMath
{
    /// <summary>
    /// 2^x for x at most 126. Below -126 the result is at most 2^-125, which a sum of probabilities does not notice.
    /// The relative error is at most 7.9e-8, besides the rounding of x itself. x is split into an integer, which
    /// becomes the exponent, and a rest of at most 1/2, whose power is a polynomial of degree 6.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TVector>(TVector x)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector n = TVector.Round(x);
        TVector r = x - n;
        TVector p = TVector.Create(1.5353360504377633e-4f);
        p = TVector.MultiplyAdd(p, r, TVector.Create(1.3398875016719103e-3f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(9.61843691766262e-3f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(5.5503323674201965e-2f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(0.24022647738456726f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(0.6931471824645996f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(1f));
        return TVector.Scale(p, n);
    }

    /// <summary>
    /// silu(x) = x / (1 + e^-x). The error is that of one rounding of x * log2(e) and of the power. From x = -87 down,
    /// where the result is below 2e-36, the power keeps its value at -87.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Silu<TVector>(TVector x)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        const float Log2E = 1.4426950408889634f;
        TVector limited = TVector.Max(TVector.Create(-87f), TVector.Min(TVector.Create(87f), TVector.Zero - x));
        return x / (TVector.Create(1f) + Exp2(limited * TVector.Create(Log2E)));
    }

    /// <summary>
    /// gelu(x) = x * Phi(x) = x * (1 + erf(x / sqrt 2)) / 2. Phi(x) - 1/2 is x P(x^2) / Q(x^2) with P and Q of degree 5
    /// (relative error of the fit 2.2e-8). Beyond 5.6, where Phi is 1 to float precision, it keeps its value at 5.6.
    /// The result is within 2 ulp of |x|.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gelu<TVector>(TVector x)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector limit = TVector.Create(5.6f);
        TVector z = TVector.Max(TVector.Zero - limit, TVector.Min(limit, x));
        TVector t = z * z;
        TVector p = TVector.Create(2.229666407060904e-8f);
        p = TVector.MultiplyAdd(p, t, TVector.Create(6.289307748374995e-6f));
        p = TVector.MultiplyAdd(p, t, TVector.Create(1.6890885308384895e-4f));
        p = TVector.MultiplyAdd(p, t, TVector.Create(4.677221644669771e-3f));
        p = TVector.MultiplyAdd(p, t, TVector.Create(3.392740711569786e-2f));
        p = TVector.MultiplyAdd(p, t, TVector.Create(0.3989422619342804f));
        TVector q = TVector.Create(1.1795999625974218e-6f);
        q = TVector.MultiplyAdd(q, t, TVector.Create(7.333591929636896e-5f));
        q = TVector.MultiplyAdd(q, t, TVector.Create(1.8853776855394244e-3f));
        q = TVector.MultiplyAdd(q, t, TVector.Create(2.8676552698016167e-2f));
        q = TVector.MultiplyAdd(q, t, TVector.Create(0.2517097294330597f));
        q = TVector.MultiplyAdd(q, t, TVector.Create(1f));
        return x * (TVector.Create(0.5f) + z * p / q);
    }
}
