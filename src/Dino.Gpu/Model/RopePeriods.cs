using System.Globalization;

namespace Dino.Gpu.Model;

/// <summary>
/// The periods of RoPE. They grow from 1 as powers of a base, <c>rope_theta</c>, which no period reaches.
/// </summary>
internal static class RopePeriods
{
    /// <summary>The base of DINOv3.</summary>
    public const double UsualBase = 100;

    /// <summary>The largest error of rounding to bfloat16, which has 8 bits. Meta's files have such periods.</summary>
    private const double Rounding = 1.0 / 256;

    /// <summary>Significant digits of a double.</summary>
    private const int MostDigits = 15;

    /// <summary>(head size / 4): the periods as Hugging Face computes them, in float32.</summary>
    /// <param name="headSize">Columns of a head.</param>
    /// <param name="rotaryBase">What they grow to.</param>
    public static float[] Of(int headSize, double rotaryBase = UsualBase)
    {
        var periods = new float[headSize / 4];
        for (int i = 0; i < periods.Length; i++)
            periods[i] = (float)Math.Pow(rotaryBase, 4.0 * i / headSize);
        return periods;
    }

    /// <summary>Whether periods are those of a base, but for their rounding to bfloat16.</summary>
    public static bool AreOf(ReadOnlySpan<float> periods, double rotaryBase) => AreOf(periods, rotaryBase, Rounding);

    /// <summary>
    /// The base of some periods: the one with the fewest digits whose float32 powers they are, else the one whose powers,
    /// rounded to bfloat16, they may be. Null where there is none.
    /// </summary>
    public static double? BaseOf(ReadOnlySpan<float> periods)
    {
        if (periods.Length == 0)
            return null;
        // The last one is the base to the power of (n - 1) / n. One alone is 1 for every base.
        double estimate = periods.Length == 1 ? UsualBase : Math.Pow(periods[^1], periods.Length / (periods.Length - 1.0));
        foreach (double tolerance in (ReadOnlySpan<double>)[0, Rounding])
        {
            if (AreOf(periods, UsualBase, tolerance))
                return UsualBase;
            for (int digits = 1; digits <= MostDigits; digits++)
            {
                string text = estimate.ToString($"E{digits - 1}", CultureInfo.InvariantCulture);
                double candidate = double.Parse(text, CultureInfo.InvariantCulture);
                if (AreOf(periods, candidate, tolerance))
                    return candidate;
            }
        }

        return null;
    }

    private static bool AreOf(ReadOnlySpan<float> periods, double rotaryBase, double tolerance)
    {
        float[] expected = Of(4 * periods.Length, rotaryBase);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!float.IsFinite(expected[i]) || !(Math.Abs((double)periods[i] - expected[i]) <= tolerance * expected[i]))
                return false;
        }

        return true;
    }
}
