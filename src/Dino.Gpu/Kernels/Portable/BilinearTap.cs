using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// Where a pixel of a bilinearly interpolated input lies between two pixels of its picture. Centers are at half pixels,
/// there is no antialiasing, and a position before the first pixel is the first pixel, as in torch's
/// <c>interpolate(mode="bilinear", align_corners=False)</c>. Positions are whole numbers of 2^-33 pixels. So every
/// device finds the same position, with more digits than float32 has.
/// </summary>
internal readonly struct BilinearTap
{
    private BilinearTap(int first, int second, float fraction)
    {
        First = first;
        Second = second;
        Fraction = fraction;
    }

    /// <summary>The pixel before the position.</summary>
    public int First { get; }

    /// <summary>The pixel after it, or the last pixel.</summary>
    public int Second { get; }

    /// <summary>Weight of <see cref="Second"/>, from 0 to below 1.</summary>
    public float Fraction { get; }

    /// <summary>Splits max((position + 1/2) * step - 1/2, 0) into its whole part and its fraction.</summary>
    /// <param name="position">The pixel of the input along one side.</param>
    /// <param name="step">See <see cref="VitShape.SampleStep"/>.</param>
    /// <param name="size">Pixels of the picture along that side.</param>
    public static BilinearTap Of(int position, long step, int size)
    {
        long place = (2L * position + 1) * step - VitShape.PictureStep;
        place = place < 0 ? 0 : place;
        int first = (int)(place >> 33);
        float fraction = (place >> 9 & 0xffffff) * (1f / (1 << 24));
        return first < size - 1 ? new BilinearTap(first, first + 1, fraction) : new BilinearTap(size - 1, size - 1, 0f);
    }

    /// <summary>Interpolates the normalized value of one channel between four pixels.</summary>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="image">Where the image starts: at its first value of the channel.</param>
    /// <param name="width">Width of the picture.</param>
    /// <param name="row">Place from top to bottom.</param>
    /// <param name="column">Place from left to right.</param>
    /// <param name="table">(3, 256)</param>
    /// <param name="line">The channel's start in the table.</param>
    public static float Sample(
        ArrayView<byte> pixels, long image, int width, BilinearTap row, BilinearTap column, ArrayView<float> table, int line)
    {
        long above = image + 3L * row.First * width;
        long below = image + 3L * row.Second * width;
        float upper = Mix(table[line + pixels[above + 3 * column.First]], table[line + pixels[above + 3 * column.Second]], column.Fraction);
        float lower = Mix(table[line + pixels[below + 3 * column.First]], table[line + pixels[below + 3 * column.Second]], column.Fraction);
        return Mix(upper, lower, row.Fraction);
    }

    /// <summary>The same, of values that are normalized already.</summary>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="image">Where the image starts: at its first value of the channel.</param>
    /// <param name="width">Width of the picture.</param>
    /// <param name="row">Place from top to bottom.</param>
    /// <param name="column">Place from left to right.</param>
    public static float Sample(ArrayView<float> pixels, long image, int width, BilinearTap row, BilinearTap column)
    {
        long above = image + 3L * row.First * width;
        long below = image + 3L * row.Second * width;
        float upper = Mix(pixels[above + 3 * column.First], pixels[above + 3 * column.Second], column.Fraction);
        float lower = Mix(pixels[below + 3 * column.First], pixels[below + 3 * column.Second], column.Fraction);
        return Mix(upper, lower, row.Fraction);
    }

    /// <summary>Interpolates from one value to the other.</summary>
    public static float Mix(float first, float second, float fraction) => (1f - fraction) * first + fraction * second;
}
