using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// Where one pixel of a bilinearly interpolated input lies between two of its picture: half-pixel centers, no
/// antialiasing, what is before the first pixel is the first, as torch's <c>interpolate(mode="bilinear",
/// align_corners=False)</c>. Positions are whole numbers of 2^-33 pixels, so that every device finds the same, to more
/// digits than float32 has.
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

    /// <summary>The one after it, or the last.</summary>
    public int Second { get; }

    /// <summary>Weight of <see cref="Second"/>, from 0 to below 1.</summary>
    public float Fraction { get; }

    /// <summary>max((position + 1/2) * step - 1/2, 0), cut in its whole part and the rest.</summary>
    /// <param name="position">Pixel of the input, along one side.</param>
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

    /// <summary>The normalized value of one channel at a place between four pixels.</summary>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="image">Where the image starts in it, at its first value of the channel.</param>
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

    /// <summary>From one value to the other.</summary>
    public static float Mix(float first, float second, float fraction) => (1f - fraction) * first + fraction * second;
}
