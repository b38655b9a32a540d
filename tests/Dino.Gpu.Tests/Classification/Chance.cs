using System.Globalization;

namespace Dino.Gpu.Tests.Classification;

/// <summary>What guessing comes to.</summary>
internal static class Chance
{
    /// <summary>
    /// Within four standard deviations of the binomial distribution: a fair guesser leaves them once in 16 000 seeds,
    /// and the seed is fixed.
    /// </summary>
    public static void AssertHolds(double accuracy, double probability, int count)
    {
        double deviation = Math.Sqrt(probability * (1 - probability) / count);
        Assert.True(
            Math.Abs(accuracy - probability) < 4 * deviation,
            string.Create(CultureInfo.InvariantCulture, $"accuracy {accuracy:F4}, chance {probability:F4} +- {deviation:F4}"));
    }
}
