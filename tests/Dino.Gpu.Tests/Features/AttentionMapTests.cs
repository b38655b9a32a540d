using Dino.Gpu.Features;

namespace Dino.Gpu.Tests.Features;

public sealed class AttentionMapTests
{
    /// <summary>
    /// By hand: of 0.4 0.1 0.05 0.25 0.2 in ascending order 0.05 0.1 0.2 0.25 0.4 the running sums are 0.05 0.15 0.35
    /// 0.6 1. The rule keeps what has a sum above 1 - share.
    /// </summary>
    [Theory]
    [InlineData(0.62, "x..x.")] // above 0.38: 0.6 and 1
    [InlineData(0.7, "x..xx")] // above 0.3: 0.35, 0.6 and 1
    [InlineData(0.3, "x....")] // above 0.7: 1
    [InlineData(0.9, "xx.xx")] // above 0.1: 0.15 and all larger
    [InlineData(1, "xxxxx")]
    public void Mask_follows_the_originals_rule(double share, string expected)
    {
        // Twice the values: the rule is about shares of their sum.
        Assert.Equal(expected, Text(AttentionMap.Mask([0.8f, 0.2f, 0.1f, 0.5f, 0.4f], share)));
    }

    [Fact]
    public void Mask_takes_equal_values_away_from_the_first_on() => Assert.Equal(".xx", Text(AttentionMap.Mask([1f, 1f, 1f], 0.5)));

    /// <summary>1 - 1e-17 is 1 in double precision.</summary>
    [Fact]
    public void Mask_of_the_smallest_share_keeps_the_largest_value() =>
        Assert.Equal("..x", Text(AttentionMap.Mask([1f, 2f, 3f], 1e-17)));

    /// <summary>What is kept holds the share, and would not without its weakest patch.</summary>
    [Theory]
    [InlineData(0.05)]
    [InlineData(0.6)]
    [InlineData(0.95)]
    public void Mask_keeps_the_share_and_no_patch_more(double share)
    {
        var random = new Random(7);
        for (int round = 0; round < 20; round++)
        {
            float[] values = [.. Enumerable.Range(0, 900).Select(_ => (float)Math.Exp(4 * random.NextDouble()))];
            bool[] mask = AttentionMap.Mask(values, share);
            double total = values.Sum(value => (double)value);
            float[] kept = [.. values.Where((_, i) => mask[i])];
            double mass = kept.Sum(value => (double)value) / total;
            Assert.InRange(mass, share, share + kept.Min() / total);
            Assert.True(values.Where((_, i) => !mask[i]).All(value => value <= kept.Min()));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void Mask_refuses_what_is_no_share(double share) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => AttentionMap.Mask([1f], share));

    [Fact]
    public void Heads_are_those_of_the_tensor_and_the_mean_is_theirs()
    {
        var map = new AttentionMap([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], headCount: 2, gridHeight: 2, gridWidth: 3);
        Assert.Equal([7f, 8f, 9f, 10f, 11f, 12f], map.Head(1).ToArray());
        Assert.Equal([4f, 5f, 6f, 7f, 8f, 9f], map.Mean());
        Assert.Throws<ArgumentOutOfRangeException>(() => map.Head(2).Length);
        Assert.Throws<ArgumentException>(() => new AttentionMap([1f], 2, 1, 1));
    }

    [Fact]
    public void Upsampling_repeats_every_value_in_a_square() =>
        Assert.Equal(
            [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6], AttentionMap.Upsample([1, 2, 3, 4, 5, 6], 2, 3, 2));

    private static string Text(bool[] mask) => string.Concat(mask.Select(kept => kept ? 'x' : '.'));
}
