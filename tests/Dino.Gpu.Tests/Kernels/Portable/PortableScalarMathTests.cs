using System.Globalization;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>The scalar functions that the kernels call, on the host, against double precision on dense grids.</summary>
public sealed class PortableScalarMathTests
{
    [Fact]
    public void The_erf_of_the_twin_is_right()
    {
        // Abramowitz and Stegun, table 7.1, and values around the switch from series to fraction.
        Assert.Equal(0.5204998778130465, Reference.Erf(0.5), 1e-15);
        Assert.Equal(0.8427007929497149, Reference.Erf(1), 1e-15);
        Assert.Equal(0.9953222650189527, Reference.Erf(2), 1e-15);
        Assert.Equal(0.004677734981047266, Reference.Erfc(2 + 1e-15), 1e-15);
        Assert.Equal(-0.9999779095030014, Reference.Erf(-3), 1e-15);
    }

    [Fact]
    public void Exp_is_accurate_to_float_rounding()
    {
        double worst = 0;
        for (float x = -87; x <= 88; x += 0.00137f)
            worst = Math.Max(worst, Math.Abs(ScalarMath.Exp(x) / Math.Exp(x) - 1));
        Report("exp, relative", worst);
        Assert.InRange(worst, 0, 1.2e-7);
        Assert.Equal(1, ScalarMath.Exp(0));
        Assert.Equal(0, ScalarMath.Exp(-88));
        Assert.Equal(0, ScalarMath.Exp(-1e30f));
        Assert.True(float.IsFinite(ScalarMath.Exp(1e30f)));
        Assert.True(float.IsNaN(ScalarMath.Exp(float.NaN)));
    }

    [Fact]
    public void Erf_is_accurate_to_float_rounding()
    {
        double worst = 0;
        for (float x = -6; x <= 6; x += 0.0000917f)
            worst = Math.Max(worst, Math.Abs(ScalarMath.Erf(x) - Reference.Erf(x)));
        Report("erf, absolute", worst);
        Assert.InRange(worst, 0, 9e-8);
        Assert.Equal(0, ScalarMath.Erf(0));
        Assert.Equal(1, ScalarMath.Erf(1e30f));
        Assert.Equal(-1, ScalarMath.Erf(-1e30f));
    }

    [Fact]
    public void Gelu_is_accurate_to_float_rounding()
    {
        double worst = 0;
        for (float x = -12; x <= 12; x += 0.000173f)
            worst = Math.Max(worst, Math.Abs(ScalarMath.Gelu(x) - Reference.Gelu(x)) / Math.Max(1, Math.Abs(x)));
        Report("gelu, relative to max(1, |x|)", worst);
        Assert.InRange(worst, 0, 1.2e-7);
    }

    [Fact]
    public void Silu_is_accurate_to_float_rounding()
    {
        double worst = 0;
        for (float x = -87; x <= 87; x += 0.00137f)
            worst = Math.Max(worst, Math.Abs(ScalarMath.Silu(x) / Reference.Silu(x) - 1));
        Report("silu, relative", worst);
        Assert.InRange(worst, 0, 3e-7);
        Assert.Equal(0, ScalarMath.Silu(0));
        Assert.Equal(1000, ScalarMath.Silu(1000));
        Assert.Equal(0.0, ScalarMath.Silu(-1000), 1e-30);
    }

    private static void Report(string what, double worst) =>
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: max error {worst:E2}"));
}
