using System.Globalization;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Comparisons whose failures name the worst place and both values, and which print the largest difference when all is
/// well.
/// </summary>
internal static class Tolerance
{
    /// <summary>
    /// Largest |actual - expected| that the reference data allows, from its README: five to ten times the error of
    /// torch's own float32.
    /// </summary>
    public const double LastHiddenState = 5e-5;

    public const double HiddenState = 1e-4;

    public const double Attention = 2e-5;

    /// <summary>
    /// Fails unless every value is within the limit; returns the largest difference. Columns of a row name the worst
    /// place; 0 for a plain index.
    /// </summary>
    public static double AssertClose(string what, ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, double limit, int columns = 0)
    {
        Assert.True(expected.Length == actual.Length, $"{what}: expected {expected.Length} values, got {actual.Length}");
        int worst = 0;
        double max = -1;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs(expected[i] - actual[i]);
            if (!(difference <= max))
            {
                max = difference;
                worst = i;
            }

            if (double.IsNaN(difference))
                break;
        }

        if (!(max <= limit))
        {
            string place = columns > 0 ? $"[{worst / columns}, {worst % columns}]" : $"[{worst}]";
            Assert.Fail(string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: worst at {place}: expected {expected[worst]:G9}, got {actual[worst]:G9}, difference {max:E2}, limit {limit:E1}"));
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{what}: max difference {max:E2} (limit {limit:E1})"));
        return max;
    }

    public static double AssertClose(
        string what, ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double limit, int columns = 0) =>
        AssertClose(what, Reference.Widen(expected.ToArray()), actual, limit, columns);
}
