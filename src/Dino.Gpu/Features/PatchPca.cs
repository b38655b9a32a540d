using Dino.Gpu.Imaging;

namespace Dino.Gpu.Features;

/// <summary>
/// The principal components of patch features: the directions in which the patches of some pictures differ most. Three of them as red, green and blue show which parts the
/// model takes for the same thing, in one picture and across pictures. Made by <see cref="PatchPcaFit"/>.
/// </summary>
public sealed class PatchPca
{
    /// <summary>
    /// A component is black and full at this many standard deviations from the mean, so that a few outliers do not take the contrast; 95 % of normally distributed
    /// values are within.
    /// </summary>
    private const double Range = 2;

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

    /// <summary>Components kept.</summary>
    public int ComponentCount => _variances.Length;

    /// <summary>(channels)</summary>
    public ReadOnlySpan<double> Mean => _mean;

    /// <summary>(components, channels): orthonormal, most variance first, the value of largest magnitude positive.</summary>
    public ReadOnlySpan<double> Axes => _axes;

    /// <summary>(components): variance along each axis, divided by the number of patches.</summary>
    public ReadOnlySpan<double> Variances => _variances;

    /// <summary>The sum over all directions, of which the components explain their share.</summary>
    public double TotalVariance { get; }

    /// <summary>Patches in the coordinates of the components.</summary>
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

    /// <summary>The first three components as red, green and blue, in squares of a patch each: mean at half, two standard deviations of all patches that were fitted to either end.</summary>
    /// <param name="projected">(grid height, grid width, components), as <see cref="Project"/> gives them.</param>
    /// <param name="gridHeight">Patches on top of each other.</param>
    /// <param name="gridWidth">Patches side by side.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    /// <returns>(patch size * grid height) rows of (patch size * grid width) pixels. A colour without a component, or without variance, is at half.</returns>
    /// <exception cref="ArgumentException">The array has another length.</exception>
    public RgbImage Paint(ReadOnlySpan<float> projected, int gridHeight, int gridWidth, int patchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(patchSize);
        if (projected.Length != (long)gridHeight * gridWidth * ComponentCount)
            throw new ArgumentException($"({gridHeight}, {gridWidth}, {ComponentCount}) takes {(long)gridHeight * gridWidth * ComponentCount} values, got {projected.Length}.", nameof(projected));
        byte[] pixels = new byte[3 * gridHeight * gridWidth];
        for (int i = 0; i < pixels.Length; i++)
        {
            int color = i % 3;
            double reach = color < ComponentCount ? Range * Math.Sqrt(_variances[color]) : 0;
            double share = reach > 0 ? 0.5 + projected[i / 3 * ComponentCount + color] / (2 * reach) : 0.5;
            pixels[i] = (byte)Math.Round(255 * Math.Clamp(share, 0, 1));
        }

        return AttentionPicture.Enlarge(new RgbImage(gridWidth, gridHeight, pixels), patchSize);
    }
}
