using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Features;

/// <summary>
/// Principal components: against a planted subspace, against power iteration in plain loops, and by their properties.
/// </summary>
public sealed class PatchPcaTests
{
    /// <summary>
    /// Float32 patches have 2^-24 of relative rounding; the components are computed from them in double precision.
    /// </summary>
    private const double Tolerance = 1e-9;

    [Fact]
    public void A_planted_subspace_is_found()
    {
        // x = mean + 3 a e_5 + 2 b e_0 - 1 c e_9, with a, b, c of variance 1 and uncorrelated.
        const int Channels = 13;
        var fit = new PatchPcaFit(Channels);
        float[] patches = new float[8 * Channels];
        for (int i = 0; i < 8; i++)
        {
            for (int channel = 0; channel < Channels; channel++)
                patches[i * Channels + channel] = 100 + channel;
            patches[i * Channels + 5] += (i & 1) == 0 ? 3 : -3;
            patches[i * Channels + 0] += (i & 2) == 0 ? 2 : -2;
            patches[i * Channels + 9] -= (i & 4) == 0 ? 1 : -1;
        }

        fit.Add(patches);
        PatchPca pca = fit.Solve();
        Assert.Equal(Enumerable.Range(0, Channels).Select(channel => 100.0 + channel), pca.Mean.ToArray());
        AssertNear([9, 4, 1], pca.Variances);
        Assert.Equal(14, pca.TotalVariance, Tolerance);
        double[] expected = new double[3 * Channels];
        (expected[5], expected[Channels + 0], expected[2 * Channels + 9]) = (1, 1, 1);
        AssertNear(expected, pca.Axes);
        Assert.Equal([3, 2, -1], pca.Project(patches).AsSpan(0, 3).ToArray().Select(value => MathF.Round(value, 5)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(50)]
    [InlineData(400)]
    public void Components_are_those_of_plain_loops_however_the_patches_are_added(int atOnce)
    {
        const int Channels = 37, Count = 400;
        float[] patches = Seeded(Count, Channels);
        var fit = new PatchPcaFit(Channels);
        for (int first = 0; first < Count; first += atOnce)
            fit.Add(patches.AsSpan(first * Channels, Math.Min(atOnce, Count - first) * Channels));
        Assert.Equal(Count, fit.Count);
        PatchPca pca = fit.Solve(4);

        (double[] mean, double[] axes, double[] variances, double total) = Twin(patches, Channels, 4);
        AssertNear(mean, pca.Mean);
        AssertNear(axes, pca.Axes, 1e-7); // power iteration's own end
        AssertNear(variances, pca.Variances);
        Assert.Equal(total, pca.TotalVariance, Tolerance);

        // Orthonormal, and what is projected has mean 0 and the variances.
        float[] projected = pca.Project(patches);
        for (int a = 0; a < 4; a++)
        {
            double sum = 0, squares = 0;
            for (int patch = 0; patch < Count; patch++)
            {
                sum += projected[patch * 4 + a];
                squares += (double)projected[patch * 4 + a] * projected[patch * 4 + a];
            }

            Assert.Equal(0, sum / Count, 1e-6);
            Assert.Equal(pca.Variances[a], squares / Count, 1e-5);
            for (int b = 0; b < 4; b++)
                Assert.Equal(
                    a == b ? 1 : 0, Dot(pca.Axes.Slice(a * Channels, Channels), pca.Axes.Slice(b * Channels, Channels)), Tolerance);
        }

        // Bytes do not depend on how many came at once.
        var whole = new PatchPcaFit(Channels);
        whole.Add(patches);
        Assert.Equal(whole.Solve(4).Axes.ToArray(), pca.Axes.ToArray());
    }

    [Fact]
    public void Two_standard_deviations_are_black_and_full()
    {
        var fit = new PatchPcaFit(4);
        fit.Add([1, 0, 7, 0, -1, 0, 7, 0]); // variance 1 along the first channel, none elsewhere
        PatchPca pca = fit.Solve(2);
        RgbImage picture = PcaPicture.Draw(pca, [0, 0, 2, 0, -2, 0, 1, 0, 9, 0, -9, 0], 2, 3, 2);
        Assert.Equal((6, 4), (picture.Width, picture.Height));
        byte[] Pixel(int x, int y) => picture.Pixels.AsSpan(3 * (y * 6 + x), 3).ToArray();
        Assert.Equal([128, 128, 128], Pixel(0, 0));
        Assert.Equal([128, 128, 128], Pixel(1, 1)); // the same patch
        Assert.Equal([255, 128, 128], Pixel(2, 0));
        Assert.Equal([0, 128, 128], Pixel(4, 1));
        Assert.Equal([191, 128, 128], Pixel(0, 2));
        Assert.Equal([255, 128, 128], Pixel(3, 3));
        Assert.Equal([0, 128, 128], Pixel(5, 3));
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PatchPcaFit(0));
        var fit = new PatchPcaFit(4);
        Assert.Throws<InvalidOperationException>(() => fit.Solve());
        Assert.Contains("4 values", Assert.Throws<ArgumentException>(() => fit.Add(new float[5])).Message);
        fit.Add(new float[8]);
        Assert.Throws<ArgumentOutOfRangeException>(() => fit.Solve(5));
        PatchPca pca = fit.Solve();
        Assert.Throws<ArgumentException>(() => pca.Project(new float[7]));
        Assert.Throws<ArgumentException>(() => PcaPicture.Draw(pca, new float[7], 1, 2, 8));
        Assert.All(pca.Variances.ToArray(), variance => Assert.Equal(0, variance));
    }

    /// <summary>Correlated channels with a mean far from 0.</summary>
    private static float[] Seeded(int count, int channels)
    {
        var random = new Random(5);
        var patches = new float[count * channels];
        for (int patch = 0; patch < count; patch++)
        {
            double common = random.NextDouble() - 0.5, other = random.NextDouble() - 0.5;
            for (int i = 0; i < channels; i++)
                patches[patch * channels + i] = (float)(
                    50 + 9 * common * Math.Sin(i) + 4 * other * Math.Cos(3 * i) + (random.NextDouble() - 0.5) * (1 + i % 5));
        }

        return patches;
    }

    /// <summary>Two passes for the covariance, then power iteration with what is found taken out.</summary>
    private static (double[] Mean, double[] Axes, double[] Variances, double Total) Twin(float[] patches, int channels, int components)
    {
        int count = patches.Length / channels;
        double[] mean = new double[channels];
        for (int i = 0; i < patches.Length; i++)
            mean[i % channels] += (double)patches[i] / count;
        var covariance = new double[channels, channels];
        for (int patch = 0; patch < count; patch++)
        {
            for (int i = 0; i < channels; i++)
            {
                for (int j = 0; j < channels; j++)
                    covariance[i, j] += (patches[patch * channels + i] - mean[i]) * (patches[patch * channels + j] - mean[j]) / count;
            }
        }

        double total = Enumerable.Range(0, channels).Sum(i => covariance[i, i]);
        var axes = new List<double>();
        var variances = new List<double>();
        for (int component = 0; component < components; component++)
        {
            double[] axis = [.. Enumerable.Range(0, channels).Select(i => 1.0 + i)];
            double length = 0;
            for (int round = 0; round < 20_000; round++)
            {
                double[] next = [.. Enumerable.Range(0, channels)
                    .Select(i => Enumerable.Range(0, channels).Sum(j => covariance[i, j] * axis[j]))];
                length = Math.Sqrt(Dot(next, next));
                axis = [.. next.Select(value => value / length)];
            }

            double sign = axis.MaxBy(Math.Abs) < 0 ? -1 : 1;
            axes.AddRange(axis.Select(value => sign * value));
            variances.Add(length);
            for (int i = 0; i < channels; i++)
            {
                for (int j = 0; j < channels; j++)
                    covariance[i, j] -= length * axis[i] * axis[j];
            }
        }

        return (mean, [.. axes], [.. variances], total);
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private static void AssertNear(ReadOnlySpan<double> expected, ReadOnlySpan<double> found, double tolerance = Tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], tolerance);
    }
}
