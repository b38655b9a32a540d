using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// GELU with AVX-512, which looks up 16 of 32 table entries in one instruction. The normal distribution is stored as 32
/// polynomials of degree 4, which take half the cycles of one rational function for the whole line. gelu(x) = x Phi(x)
/// = x / 2 + |x| (Phi(|x|) - 1/2).
/// </summary>
internal static unsafe class GeluTable
{
    private const int Entries = 32;
    private const int Degree = 4;

    /// <summary>
    /// Entry i is centered at i / Density. From the last entry on, at 5.7, Phi is 1 to float precision.
    /// </summary>
    private const float Density = 5.5f;

    private const float Limit = 31.4f / Density;

    /// <summary>Added to a float, it leaves the nearest integer in the low bits.</summary>
    private const float Rounder = 1 << 23;

    /// <summary>
    /// (degree + 1, entries): the coefficients of polynomials in the distance to the entry's center times Density.
    /// </summary>
    private static readonly float[] Coefficients = Fit();

    /// <summary>x = gelu(x) in place, as <see cref="Gelu.Apply"/>. The columns are a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(float* x, int rows, int columns)
    {
        fixed (float* table = Coefficients)
        {
            // The table stays in registers for the whole tile.
            Vector512<float> low0 = Vector512.Load(table), high0 = Vector512.Load(table + 16);
            Vector512<float> low1 = Vector512.Load(table + 32), high1 = Vector512.Load(table + 48);
            Vector512<float> low2 = Vector512.Load(table + 64), high2 = Vector512.Load(table + 80);
            Vector512<float> low3 = Vector512.Load(table + 96), high3 = Vector512.Load(table + 112);
            Vector512<float> low4 = Vector512.Load(table + 128), high4 = Vector512.Load(table + 144);
            Vector512<float> limit = Vector512.Create(Limit), density = Vector512.Create(Density);
            Vector512<float> rounder = Vector512.Create(Rounder), half = Vector512.Create(0.5f);
            for (int row = 0; row < rows; row++, x += Gemm.BlockSize)
            {
                for (int column = 0; column < columns; column += 16)
                {
                    Vector512<float> value = Vector512.Load(x + column);
                    Vector512<float> magnitude = Vector512.Abs(value);
                    Vector512<float> z = Avx512F.Min(magnitude, limit);
                    Vector512<float> rounded = Avx512F.FusedMultiplyAdd(z, density, rounder);
                    Vector512<int> entry = rounded.AsInt32(); // the lookup uses the low five bits
                    Vector512<float> t = Avx512F.FusedMultiplySubtract(z, density, rounded - rounder);
                    Vector512<float> p = Avx512F.PermuteVar16x32x2(low4, entry, high4);
                    p = Avx512F.FusedMultiplyAdd(p, t, Avx512F.PermuteVar16x32x2(low3, entry, high3));
                    p = Avx512F.FusedMultiplyAdd(p, t, Avx512F.PermuteVar16x32x2(low2, entry, high2));
                    p = Avx512F.FusedMultiplyAdd(p, t, Avx512F.PermuteVar16x32x2(low1, entry, high1));
                    p = Avx512F.FusedMultiplyAdd(p, t, Avx512F.PermuteVar16x32x2(low0, entry, high0));
                    Vector512.Store(Avx512F.FusedMultiplyAdd(magnitude, p, value * half), x + column);
                }
            }
        }
    }

    /// <summary>
    /// Computes the Taylor series of Phi - 1/2 around each center, in double. The derivatives of the normal density are
    /// Hermite polynomials, He(n+1) = c He(n) - n He(n-1). The series carries the value from one center to the next.
    /// Its first six terms make the polynomial; the fifth power is economized on [-1/2, 1/2] to t^5 = 5/16 t^3 - 5/256
    /// t, with an error of 4e-9.
    /// </summary>
    private static float[] Fit()
    {
        const int Terms = 20;
        double step = 1.0 / Density;
        var coefficients = new float[(Degree + 1) * Entries];
        double value = 0; // Phi - 1/2 at the center
        for (int entry = 0; entry < Entries; entry++)
        {
            double center = entry * step;
            var series = new double[Terms];
            series[0] = value;
            double hermite = 1;
            double before = 0;
            double factor = Math.Exp(-center * center / 2) / Math.Sqrt(2 * Math.PI) * step; // density * step^n / n! with its sign
            for (int n = 1; n < Terms; n++)
            {
                series[n] = factor * hermite;
                (hermite, before) = (center * hermite - (n - 1) * before, hermite);
                factor *= -step / (n + 1);
            }

            series[3] += 5.0 / 16 * series[5];
            series[1] -= 5.0 / 256 * series[5];
            for (int power = 0; power <= Degree; power++)
                coefficients[power * Entries + entry] = (float)series[power];
            series[3] -= 5.0 / 16 * series[5];
            series[1] += 5.0 / 256 * series[5];
            value = series.Sum();
        }

        return coefficients;
    }
}
