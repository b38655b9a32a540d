using Dino.Gpu.Features;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>Draws the principal components of patch features as colors.</summary>
public static class PcaPicture
{
    /// <summary>
    /// A component reaches black and full color at this many standard deviations from the mean, so that a few outliers
    /// do not use up the contrast. 95 % of normally distributed values are within.
    /// </summary>
    private const double Range = 2;

    /// <summary>
    /// The first three components as red, green and blue, with a square for each patch. The mean is at half, two
    /// standard deviations are at the ends.
    /// </summary>
    /// <param name="components">The fitted components.</param>
    /// <param name="projected">
    /// (grid height, grid width, components), as <see cref="PatchPca.Project"/> gives them.
    /// </param>
    /// <param name="gridHeight">Patches from top to bottom.</param>
    /// <param name="gridWidth">Patches from left to right.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    /// <returns>
    /// (patch size * grid height) rows of (patch size * grid width) pixels. A color without a component, or without
    /// variance, is at half.
    /// </returns>
    /// <exception cref="ArgumentException">The array has another length.</exception>
    public static RgbImage Draw(PatchPca components, ReadOnlySpan<float> projected, int gridHeight, int gridWidth, int patchSize)
    {
        ArgumentNullException.ThrowIfNull(components);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(patchSize);
        int count = components.ComponentCount;
        long length = (long)gridHeight * gridWidth * count;
        if (projected.Length != length)
        {
            throw new ArgumentException(
                $"({gridHeight}, {gridWidth}, {count}) takes {length} values, got {projected.Length}.", nameof(projected));
        }

        byte[] pixels = new byte[3 * gridHeight * gridWidth];
        for (int i = 0; i < pixels.Length; i++)
        {
            int color = i % 3;
            double reach = color < count ? Range * Math.Sqrt(components.Variances[color]) : 0;
            double share = reach > 0 ? 0.5 + projected[i / 3 * count + color] / (2 * reach) : 0.5;
            pixels[i] = (byte)Math.Round(255 * Math.Clamp(share, 0, 1));
        }

        return AttentionPicture.Enlarge(new RgbImage(gridWidth, gridHeight, pixels), patchSize);
    }
}
