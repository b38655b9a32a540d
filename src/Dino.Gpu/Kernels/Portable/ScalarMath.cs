using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// exp, erf, GELU and SiLU for kernels. They use only additions and multiplications, so every accelerator computes the
/// same: ILGPU has no erf, and the exp of a CUDA device is an approximation. The coefficients are Chebyshev fits in
/// 40-digit arithmetic, rounded to float. Tests measure the errors against double precision on dense grids: exp 9.5e-8
/// relative, erf 7.5e-8 absolute, GELU 1.1e-7 relative to the larger of 1 and |x|.
/// </summary>
internal static class ScalarMath
{
    /// <summary>e^x. It is 0 below -88, where a float would become denormal, and clamped above 88.</summary>
    public static float Exp(float x)
    {
        // x = n ln 2 + r with |r| <= ln 2 / 2. ln 2 has two parts; the first has trailing zeros, so that n times it is
        // exact.
        const float Log2E = 1.44269504f;
        const float Ln2High = 0.693359375f;
        const float Ln2Low = -2.12194440e-4f;
        // 1.5 * 2^23. Added to a small number, it leaves the nearest integer in the last bits.
        const float Integer = 12582912f;
        float above = x < -88f ? -88f : x;
        float clamped = above > 88f ? 88f : above;
        float shifted = clamped * Log2E + Integer;
        float n = shifted - Integer;
        float r = clamped - n * Ln2High - n * Ln2Low;

        // e^r, fitted on |r| <= 0.35 to 2.1e-9.
        float p = 1.39421478e-3f;
        p = p * r + 8.37595863e-3f;
        p = p * r + 4.16663403e-2f;
        p = p * r + 1.66664054e-1f;
        p = p * r + 5.00000005e-1f;
        p = p * r * r + r + 1f;
        return p * Interop.IntAsFloat((Interop.FloatAsInt(shifted) << 23) + (127u << 23));
    }

    /// <summary>The error function.</summary>
    public static float Erf(float x)
    {
        float a = x < 0f ? -x : x;
        if (a < 1f)
        {
            // erf(x) / x over x^2, fitted on [0, 1] to 1.2e-9. Its leading 1 is added last, so that only one rounding
            // is at full size.
            float z = x * x;
            float p = 7.87587506e-5f;
            p = p * z - 8.01686429e-4f;
            p = p * z + 5.18908742e-3f;
            p = p * z - 2.68542120e-2f;
            p = p * z + 1.12835947e-1f;
            p = p * z - 3.76126267e-1f;
            p = p * z + 1.28379166e-1f;
            return p * x + x;
        }

        // 1 - erf = exp(-q), with q = -ln(erfc) fitted on [1, 4] to 1.7e-8. From 4 on a float cannot tell erf from 1.
        float t = a > 4f ? 4f : a;
        float q = -1.63715141e-6f;
        q = q * t + 4.60580427e-5f;
        q = q * t - 5.96805626e-4f;
        q = q * t + 4.75959629e-3f;
        q = q * t - 2.64211360e-2f;
        q = q * t + 1.10080083e-1f;
        q = q * t + 6.31826052e-1f;
        q = q * t + 1.13023343f;
        q = q * t - 3.20138050e-4f;
        float erf = 1f - Exp(-q);
        return x < 0f ? -erf : erf;
    }

    /// <summary>GELU in its exact form, x * Phi(x), as the original DINO and Hugging Face compute it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Gelu(float x) => 0.5f * x * (1f + Erf(x * 0.707106781f));

    /// <summary>x / (1 + e^-x). Below -88 it is 0 to float precision and becomes x e^-88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Silu(float x) => x / (1f + Exp(-x));
}
