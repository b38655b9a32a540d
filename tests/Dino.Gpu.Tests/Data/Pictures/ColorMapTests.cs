using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Imaging;


namespace Dino.Gpu.Tests.Data.Pictures;

public sealed class ColorMapTests
{
    /// <summary>
    /// Every 17th row of matplotlib's published tables; its pictures have 255 times the value, cut to a whole number.
    /// </summary>
    [Theory]
    [InlineData("viridis", 0, 0.267004, 0.004874, 0.329415)]
    [InlineData("viridis", 17, 0.282656, 0.100196, 0.42216)]
    [InlineData("viridis", 34, 0.277134, 0.185228, 0.489898)]
    [InlineData("viridis", 51, 0.253935, 0.265254, 0.529983)]
    [InlineData("viridis", 68, 0.221989, 0.339161, 0.548752)]
    [InlineData("viridis", 85, 0.190631, 0.407061, 0.556089)]
    [InlineData("viridis", 102, 0.163625, 0.471133, 0.558148)]
    [InlineData("viridis", 119, 0.139147, 0.533812, 0.555298)]
    [InlineData("viridis", 136, 0.120565, 0.596422, 0.543611)]
    [InlineData("viridis", 153, 0.134692, 0.658636, 0.517649)]
    [InlineData("viridis", 170, 0.20803, 0.718701, 0.472873)]
    [InlineData("viridis", 187, 0.327796, 0.77398, 0.40664)]
    [InlineData("viridis", 204, 0.477504, 0.821444, 0.318195)]
    [InlineData("viridis", 221, 0.647257, 0.8584, 0.209861)]
    [InlineData("viridis", 238, 0.82494, 0.88472, 0.106217)]
    [InlineData("viridis", 255, 0.993248, 0.906157, 0.143936)]
    [InlineData("inferno", 0, 0.001462, 0.000466, 0.013866)]
    [InlineData("inferno", 17, 0.046915, 0.030324, 0.150164)]
    [InlineData("inferno", 34, 0.142378, 0.046242, 0.308553)]
    [InlineData("inferno", 51, 0.258234, 0.038571, 0.406485)]
    [InlineData("inferno", 68, 0.366529, 0.071579, 0.431994)]
    [InlineData("inferno", 85, 0.472328, 0.110547, 0.428334)]
    [InlineData("inferno", 102, 0.578304, 0.148039, 0.404411)]
    [InlineData("inferno", 119, 0.682656, 0.189501, 0.360757)]
    [InlineData("inferno", 136, 0.780517, 0.243327, 0.299523)]
    [InlineData("inferno", 153, 0.865006, 0.316822, 0.226055)]
    [InlineData("inferno", 170, 0.929644, 0.411479, 0.145367)]
    [InlineData("inferno", 187, 0.970919, 0.522853, 0.058367)]
    [InlineData("inferno", 204, 0.987622, 0.64532, 0.039886)]
    [InlineData("inferno", 221, 0.978806, 0.774545, 0.176037)]
    [InlineData("inferno", 238, 0.950018, 0.903409, 0.380271)]
    [InlineData("inferno", 255, 0.988362, 0.998364, 0.644924)]
    [InlineData("gray", 0, 0.0, 0.0, 0.0)]
    [InlineData("gray", 51, 0.2, 0.2, 0.2)]
    [InlineData("gray", 255, 1.0, 1.0, 1.0)]
    public void Colors_are_those_of_matplotlib(string name, int index, double red, double green, double blue)
    {
        ColorMap map = ColorMap.All.Single(one => one.Name == name);
        Assert.Equal(((byte)(255 * red), (byte)(255 * green), (byte)(255 * blue)), map[(index + 0.5f) / 256]);
    }

    [Fact]
    public void Values_beyond_the_range_have_the_colors_of_its_ends()
    {
        ColorMap map = ColorMap.Gray;
        Assert.Equal((0, 0, 0), map[-3]);
        Assert.Equal((0, 0, 0), map[float.NaN]);
        Assert.Equal((255, 255, 255), map[1]);
        Assert.Equal((255, 255, 255), map[float.PositiveInfinity]);
        Assert.Equal((128, 128, 128), map[0.5f]); // as in matplotlib, 0.5 is the first color of the upper half
    }

    [Fact]
    public void Paint_spans_the_values()
    {
        RgbImage picture = ColorMap.Gray.Paint([2f, 6f, 4f, 2f], 2, 2);
        Assert.Equal([0, 0, 0, 255, 255, 255, 128, 128, 128, 0, 0, 0], picture.Pixels);
        Assert.Equal(new byte[6], ColorMap.Gray.Paint([7f, 7f], 2, 1).Pixels);
        Assert.Throws<ArgumentException>(() => ColorMap.Gray.Paint([1f], 2, 1));
        Assert.Throws<ArgumentException>(() => ColorMap.Gray.Paint([], 1 << 30, 4)); // 2^32 wraps to 0
    }

    /// <summary>Float32 holds neither 4e38 nor the reciprocal of 2.8e-45.</summary>
    [Fact]
    public void Paint_spans_values_however_far_or_near_they_are()
    {
        byte[] expected = [0, 0, 0, 255, 255, 255, 128, 128, 128];
        Assert.Equal(expected, ColorMap.Gray.Paint([-2e38f, 2e38f, 0], 3, 1).Pixels);
        Assert.Equal(expected, ColorMap.Gray.Paint([0, 2.8e-45f, 1.4e-45f], 3, 1).Pixels);
    }

    [Fact]
    public void Paint_spans_the_values_that_are_finite()
    {
        float[] values = [2, 6, 4, float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        byte[] levels = [0, 255, 128, 0, 255, 0];
        Assert.Equal(levels.SelectMany(level => Enumerable.Repeat(level, 3)), ColorMap.Gray.Paint(values, 6, 1).Pixels);
        Assert.Equal(levels[3..].SelectMany(level => Enumerable.Repeat(level, 3)), ColorMap.Gray.Paint(values.AsSpan(3), 3, 1).Pixels);
    }
}
