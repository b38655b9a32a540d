namespace Dino.Gpu.Features;

/// <summary>
/// The principal components of patch features: the directions in which the patches of some pictures differ most. Three
/// components, drawn as red, green and blue, show which parts look alike to the model, within one picture and across
/// pictures. <see cref="PatchPcaFit"/> makes them.
/// </summary>
public sealed class PatchPca
{
    private readonly double[] _mean;
    private readonly double[] _axes;
    private readonly double[] _variances;

    internal PatchPca(double[] mean, double[] axes, double[] variances, double totalVariance)
    {
        _mean = mean;
        _axes = axes;
        _variances = variances;
        TotalVariance = totalVariance;
    }

    /// <summary>Values of a patch.</summary>
    public int Channels => _mean.Length;

    /// <summary>The number of components.</summary>
    public int ComponentCount => _variances.Length;

    /// <summary>(channels)</summary>
    public ReadOnlySpan<double> Mean => _mean;

    /// <summary>
    /// (components, channels): orthonormal, the axis with the most variance first. The largest value of each axis by
    /// magnitude is positive.
    /// </summary>
    public ReadOnlySpan<double> Axes => _axes;

    /// <summary>(components): variance along each axis, divided by the number of patches.</summary>
    public ReadOnlySpan<double> Variances => _variances;

    /// <summary>The variance of all directions together.</summary>
    public double TotalVariance { get; }

    /// <summary>Projects patches onto the components.</summary>
    /// <param name="patches">(patches, channels)</param>
    /// <returns>(patches, components)</returns>
    /// <exception cref="ArgumentException">There are no whole patches.</exception>
    public float[] Project(ReadOnlySpan<float> patches)
    {
        int count = PatchPcaFit.PatchCount(patches, Channels);
        var projected = new float[count * ComponentCount];
        for (int patch = 0; patch < count; patch++)
        {
            ReadOnlySpan<float> values = patches.Slice(patch * Channels, Channels);
            for (int component = 0; component < ComponentCount; component++)
            {
                ReadOnlySpan<double> axis = _axes.AsSpan(component * Channels, Channels);
                double sum = 0;
                for (int i = 0; i < values.Length; i++)
                    sum += (values[i] - _mean[i]) * axis[i];
                projected[patch * ComponentCount + component] = (float)sum;
            }
        }

        return projected;
    }
}
