using System.Buffers;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Imaging;

/// <summary>
/// The resize of torchvision on float tensors, <c>interpolate(antialias=True)</c>: the weights of Pillow, rows first
/// and then columns, in float32 and without rounding to bytes. Pillow rounds each pass, which moves a value by up to one
/// of 255.
/// </summary>
internal static class FractionResize
{
    /// <summary>Computes a part of the resized picture, as <see cref="PillowResize.ResizeAndCrop"/> does.</summary>
    /// <returns>
    /// The picture with <see cref="RgbImage.Fractions"/> and the nearest bytes; <paramref name="image"/> itself when it has
    /// that size already, and its crop where nothing is resized.
    /// </returns>
    public static RgbImage ResizeAndCrop(RgbImage image, in ResizePlan plan)
    {
        ResizeTaps? across = plan.TapsAcross(image.Width);
        ResizeTaps? down = plan.TapsDown(image.Height);
        if (across is null && down is null)
            return PillowResize.ResizeAndCrop(image, plan);

        int firstRow = down?.InputStart ?? (int)plan.Top;
        int rows = (down?.InputEnd ?? (int)plan.Top + plan.CropHeight) - firstRow;
        int rowLength = 3 * plan.CropWidth;
        long length = (long)rowLength * rows;
        if (length > Array.MaxLength)
        {
            throw ImageException.TooLarge(
                $"picture too long: {image.Width}x{image.Height} made {plan.CropWidth} wide takes {length} values on the way "
                    + $"to {plan.Width}x{plan.Height}");
        }

        float[] fractions = GC.AllocateUninitializedArray<float>(checked(rowLength * plan.CropHeight));
        if (down is null)
        {
            Across(image, across, (int)plan.Left, firstRow, rows, plan.CropWidth, fractions);
        }
        else
        {
            float[] narrowed = ArrayPool<float>.Shared.Rent((int)length); // (rows, crop width, 3)
            Across(image, across, (int)plan.Left, firstRow, rows, plan.CropWidth, narrowed);
            Down(narrowed, firstRow, rowLength, down, fractions);
            ArrayPool<float>.Shared.Return(narrowed);
        }

        byte[] pixels = GC.AllocateUninitializedArray<byte>(fractions.Length);
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)Math.Clamp(fractions[i] + 0.5f, 0, 255);
        return new RgbImage(plan.CropWidth, plan.CropHeight, pixels) { Fractions = fractions };
    }

    /// <summary>The horizontal pass, or the crop where the width does not change.</summary>
    private static void Across(RgbImage image, ResizeTaps? across, int left, int firstRow, int rows, int width, Span<float> destination)
    {
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<byte> source = image.Pixels.AsSpan((firstRow + row) * 3 * image.Width, 3 * image.Width);
            Span<float> line = destination.Slice(row * 3 * width, 3 * width);
            if (across is null)
            {
                for (int i = 0; i < line.Length; i++)
                    line[i] = source[3 * left + i];
                continue;
            }

            for (int x = 0; x < width; x++)
            {
                double red = 0, green = 0, blue = 0;
                int at = 3 * across.Start(x);
                foreach (double weight in across.Weights(x))
                {
                    red += weight * source[at];
                    green += weight * source[at + 1];
                    blue += weight * source[at + 2];
                    at += 3;
                }

                line[3 * x] = (float)red;
                line[3 * x + 1] = (float)green;
                line[3 * x + 2] = (float)blue;
            }
        }
    }

    /// <summary>The vertical pass: every output row is a weighted sum of input rows.</summary>
    private static void Down(ReadOnlySpan<float> source, int firstRow, int rowLength, ResizeTaps down, Span<float> destination)
    {
        for (int y = 0; y < down.Count; y++)
        {
            Span<float> output = destination.Slice(y * rowLength, rowLength);
            output.Clear();
            int start = (down.Start(y) - firstRow) * rowLength;
            foreach (double weight in down.Weights(y))
            {
                AddRow(source.Slice(start, rowLength), (float)weight, output);
                start += rowLength;
            }
        }
    }

    private static void AddRow(ReadOnlySpan<float> row, float weight, Span<float> sums)
    {
        var weights = Vector128.Create(weight);
        int i = 0;
        for (; i <= row.Length - Vector128<float>.Count; i += Vector128<float>.Count)
        {
            Vector128<float> sum = Vector128.Create<float>(sums.Slice(i, 4)) + Vector128.Create<float>(row.Slice(i, 4)) * weights;
            sum.CopyTo(sums[i..]);
        }

        for (; i < row.Length; i++)
            sums[i] += row[i] * weight;
    }
}
