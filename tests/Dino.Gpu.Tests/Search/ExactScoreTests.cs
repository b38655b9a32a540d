using Dino.Gpu.Search;

namespace Dino.Gpu.Tests.Search;

/// <summary>The scores that decide, and how far a device's may be from them.</summary>
public sealed class ExactScoreTests
{
    /// <summary>Of 384 values as embeddings have, and of the largest and the smallest that float32 holds.</summary>
    [Theory]
    [InlineData(384, 1f)]
    [InlineData(384, 1e38f)]
    [InlineData(3, 1e-44f)]
    [InlineData(1, 0.1f)]
    public void A_cosine_is_exactly_1_for_equal_vectors_and_never_more(int dimension, float scale)
    {
        for (int seed = 1; seed <= 300; seed++)
        {
            float[] vector = [.. SearchTwin.Normal(dimension, seed).Select(value => scale * Math.Clamp(value, -3, 3))];
            float[] third = [.. vector.Select(value => value / 3)];
            if (vector.All(value => value == 0))
                continue;
            Assert.Equal(1.0, Cosine(vector, vector));
            Assert.Equal(-1.0, Cosine(vector, [.. vector.Select(value => -value)]));
            Assert.InRange(Cosine(vector, third), scale < 1e-40f ? -1 : 1 - 1e-6, 1);
        }
    }

    [Fact]
    public void A_cosine_with_zeros_is_0() => Assert.Equal(0.0, Cosine([1, 2], [0, 0]));

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_cosine_with_what_is_no_number_is_none(float wrong)
    {
        foreach (float[] other in (float[][])[[1, 2], [0, 0], [0, 1], [wrong, 1]])
        {
            Assert.Equal(double.NaN, NearestNeighbors.Cosine([wrong, 1], other));
            Assert.Equal(double.NaN, NearestNeighbors.Cosine(other, [wrong, 1]));
        }
    }

    [Fact]
    public void The_devices_error_bound_covers_what_a_float_sum_is_off_by()
    {
        foreach (int dimension in new[] { 1, 2, 384, 1000, 100_000 })
        {
            // Equal values: each partial sum is rounded the same way, as bad as it gets.
            float value = (float)(1 / Math.Sqrt(dimension));
            float sum = 0;
            for (int i = 0; i < dimension; i++)
                sum += value * value;
            Assert.InRange(Math.Abs(sum - 1.0), 0, ExactScore.DeviceError(dimension));
        }

        Assert.InRange(ExactScore.DeviceError(384), 1e-5, 3e-5);
    }

    private static double Cosine(float[] a, float[] b) =>
        ExactScore.Cosine(ExactScore.Dot(a, b), ExactScore.Square(a), ExactScore.Square(b));
}
