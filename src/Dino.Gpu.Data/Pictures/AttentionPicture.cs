using Dino.Gpu.Features;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>
/// Draws attention: as a heat map, over the picture, or as the part of the picture that a mask keeps.
/// </summary>
public static class AttentionPicture
{
    /// <summary>Brightness of the parts that a mask hides.</summary>
    private const double Dimmed = 0.25;

    /// <summary>A heat map with a square for each patch, from the smallest value to the largest.</summary>
    /// <param name="grid">(grid height, grid width)</param>
    /// <param name="gridHeight">Patches from top to bottom.</param>
    /// <param name="gridWidth">Patches from left to right.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    /// <param name="colors">The colors.</param>
    /// <returns>(patch size * grid height) rows of (patch size * grid width) pixels.</returns>
    public static RgbImage HeatMap(ReadOnlySpan<float> grid, int gridHeight, int gridWidth, int patchSize, ColorMap colors)
    {
        ArgumentNullException.ThrowIfNull(colors);
        return Enlarge(colors.Paint(grid, gridWidth, gridHeight), patchSize);
    }

    /// <summary>Enlarges every pixel to a square of a patch's size.</summary>
    internal static RgbImage Enlarge(RgbImage small, int patchSize)
    {
        byte[] pixels = new byte[3 * small.Width * small.Height * patchSize * patchSize];
        int width = small.Width * patchSize;
        for (int i = 0; i < pixels.Length / 3; i++)
        {
            int from = i / width / patchSize * small.Width + i % width / patchSize;
            small.Pixels.AsSpan(3 * from, 3).CopyTo(pixels.AsSpan(3 * i));
        }

        return new RgbImage(width, small.Height * patchSize, pixels);
    }

    /// <summary>A heat map over the picture.</summary>
    /// <param name="picture">What the model saw. Pixels beyond the heat map are left out: they fill no patch.</param>
    /// <param name="heatMap">As <see cref="HeatMap"/> draws it, not larger than the picture.</param>
    /// <param name="alpha">Share of the heat map, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not 0 to 1.</exception>
    public static RgbImage Overlay(RgbImage picture, RgbImage heatMap, double alpha)
    {
        ArgumentNullException.ThrowIfNull(heatMap);
        if (!(alpha is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "Expected a share from 0 to 1.");
        RgbImage seen = Crop(picture, heatMap.Width, heatMap.Height);
        byte[] pixels = new byte[seen.Pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)Math.Round(seen.Pixels[i] + alpha * (heatMap.Pixels[i] - seen.Pixels[i]));
        return new RgbImage(seen.Width, seen.Height, pixels);
    }

    /// <summary>The picture where the mask keeps it; the rest is gray and dark.</summary>
    /// <param name="picture">What the model saw. Pixels that fill no patch are left out.</param>
    /// <param name="mask">(grid height, grid width)</param>
    /// <param name="gridHeight">Patches from top to bottom.</param>
    /// <param name="gridWidth">Patches from left to right.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    public static RgbImage Masked(RgbImage picture, ReadOnlySpan<bool> mask, int gridHeight, int gridWidth, int patchSize)
    {
        bool[] kept = AttentionMap.Upsample(mask, gridHeight, gridWidth, patchSize);
        RgbImage seen = Crop(picture, gridWidth * patchSize, gridHeight * patchSize);
        for (int i = 0; i < kept.Length; i++)
        {
            if (kept[i])
                continue;
            Span<byte> pixel = seen.Pixels.AsSpan(3 * i, 3);
            pixel.Fill((byte)(Dimmed * (0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]))); // ITU-R BT.601 luma
        }

        return seen;
    }

    /// <summary>
    /// A copy of the upper left part of a picture. The model takes only that part if the sides are no multiples of the
    /// patch size.
    /// </summary>
    /// <exception cref="ArgumentException">The picture is smaller.</exception>
    public static RgbImage Crop(RgbImage picture, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (width > picture.Width || height > picture.Height)
        {
            throw new ArgumentException(
                $"There are no {width}x{height} pixels in a picture of {picture.Width}x{picture.Height}.", nameof(picture));
        }

        byte[] pixels = new byte[3 * width * height];
        for (int y = 0; y < height; y++)
            picture.Pixels.AsSpan(3 * y * picture.Width, 3 * width).CopyTo(pixels.AsSpan(3 * y * width));
        return new RgbImage(width, height, pixels);
    }
}
