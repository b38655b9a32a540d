using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Imaging;

/// <summary>The interpolation of <see cref="PillowResize"/>.</summary>
public enum ResizeFilter
{
    /// <summary>Triangle, Pillow's BILINEAR.</summary>
    Bilinear,

    /// <summary>Cubic convolution with a = -0.5, Pillow's BICUBIC.</summary>
    Bicubic,
}

/// <summary>
/// Pillow's <c>Image.resize</c>, byte for byte. It is antialiased, in 8-bit fixed point, rows first and then columns,
/// and each pass is rounded and clipped to bytes. So the model sees exactly the pixels that Pillow would give it.
/// </summary>
public static class PillowResize
{
    private const int Half = 1 << ResizeCoefficients.PrecisionBits - 1;
    private const int RowsAtOnce = 4;

    /// <summary>Resizes to any size, larger or smaller, without keeping the proportions.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="filter">The interpolation.</param>
    /// <returns><paramref name="image"/> itself when it has that size already.</returns>
    /// <exception cref="ArgumentException">The size is not positive, or more than an array holds.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height, ResizeFilter filter)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        Arguments.ThrowIfUndefined(filter);
        if ((long)width * height > Array.MaxLength / 3)
            throw new ArgumentException($"{width}x{height} RGB is more than an array holds.", nameof(width));
        return ResizeAndCrop(image, new ResizePlan(width, height, filter, 0, 0, width, height));
    }

    /// <summary>
    /// Computes a part of the resized picture: the same bytes as <see cref="Resize"/> and a crop, at the cost of the
    /// part. The size before the crop may be larger than any array.
    /// </summary>
    internal static RgbImage ResizeAndCrop(RgbImage image, in ResizePlan plan)
    {
        (long width, long height, _, long left, long top, int cropWidth, int cropHeight) = plan;
        if (width == image.Width && height == image.Height && cropWidth == width && cropHeight == height)
            return image;

        // A pass that would not change its side is skipped, as in Pillow. Only its crop remains.
        ResizeCoefficients? across = plan.Across(image.Width);
        ResizeCoefficients? down = plan.Down(image.Height);
        int firstRow = down?.InputStart ?? (int)top;
        int rows = (down?.InputEnd ?? (int)top + cropHeight) - firstRow;

        byte[] result = GC.AllocateUninitializedArray<byte>(checked(3 * cropWidth * cropHeight));
        if (down is null)
        {
            ResizeRows(image, across, (int)left, cropWidth, firstRow, rows, result);
            return new RgbImage(cropWidth, cropHeight, result);
        }

        int narrowedLength = (int)Math.Min(3L * cropWidth * rows, int.MaxValue);
        if (narrowedLength > Array.MaxLength)
            throw ImageException.TooLarge(
                $"picture too long: {image.Width}x{image.Height} made {cropWidth} wide takes {3L * cropWidth * rows} bytes on the way "
                    + $"to {width}x{height}");
        byte[] narrowed = ArrayPool<byte>.Shared.Rent(narrowedLength); // (rows, cropWidth, 3)
        ResizeRows(image, across, (int)left, cropWidth, firstRow, rows, narrowed.AsSpan(0, narrowedLength));
        ResizeColumns(narrowed, firstRow, 3 * cropWidth, down, result);
        ArrayPool<byte>.Shared.Return(narrowed);
        return new RgbImage(cropWidth, cropHeight, result);
    }

    /// <summary>
    /// The horizontal pass: input rows <paramref name="firstRow"/> to <paramref name="firstRow"/> + <paramref
    /// name="rows"/> - 1, each made <paramref name="width"/> pixels wide.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="across">
    /// The weights of the output columns. Null if the width does not change; then <paramref name="left"/> is where the
    /// crop begins.
    /// </param>
    /// <param name="left">First column of the crop.</param>
    /// <param name="width">Width of the result.</param>
    /// <param name="firstRow">First input row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="destination">(rows, width, 3).</param>
    private static void ResizeRows(
        RgbImage image, ResizeCoefficients? across, int left, int width, int firstRow, int rows, Span<byte> destination)
    {
        int stride = 3 * image.Width;
        ReadOnlySpan<byte> source = image.Pixels;
        if (across is null)
        {
            for (int row = 0; row < rows; row++)
                source.Slice((firstRow + row) * stride + 3 * left, 3 * width).CopyTo(destination[(row * 3 * width)..]);
            return;
        }

        // Pixels are read four bytes at a time, which for the last pixel of the picture would read past its end. So the
        // last row is read from a longer copy.
        byte[] lastRow = new byte[stride + 1];
        source[^stride..].CopyTo(lastRow);

        for (int row = 0; row < rows; row += RowsAtOnce)
        {
            // Four rows share each weight. If fewer are left, the last one is computed again into the same place.
            int row1 = Math.Min(row + 1, rows - 1);
            int row2 = Math.Min(row + 2, rows - 1);
            int row3 = Math.Min(row + 3, rows - 1);
            ref byte source0 = ref Row(image, lastRow, firstRow + row);
            ref byte source1 = ref Row(image, lastRow, firstRow + row1);
            ref byte source2 = ref Row(image, lastRow, firstRow + row2);
            ref byte source3 = ref Row(image, lastRow, firstRow + row3);
            for (int x = 0; x < width; x++)
            {
                Vector128<int> sum0 = Vector128.Create(Half);
                Vector128<int> sum1 = sum0;
                Vector128<int> sum2 = sum0;
                Vector128<int> sum3 = sum0;
                nint at = 3 * (nint)across.Start(x);
                foreach (int weight in across.Weights(x))
                {
                    Vector128<int> weights = Vector128.Create(weight);
                    sum0 += Pixel(ref source0, at) * weights;
                    sum1 += Pixel(ref source1, at) * weights;
                    sum2 += Pixel(ref source2, at) * weights;
                    sum3 += Pixel(ref source3, at) * weights;
                    at += 3;
                }

                StorePixel(sum0, destination, 3 * (row * width + x));
                StorePixel(sum1, destination, 3 * (row1 * width + x));
                StorePixel(sum2, destination, 3 * (row2 * width + x));
                StorePixel(sum3, destination, 3 * (row3 * width + x));
            }
        }
    }

    /// <summary>The vertical pass: every output row is a weighted sum of input rows, byte by byte.</summary>
    /// <param name="source">(rows, rowBytes), from input row <paramref name="firstRow"/> on.</param>
    /// <param name="firstRow">The input row that comes first in <paramref name="source"/>.</param>
    /// <param name="rowBytes">Bytes in a row.</param>
    /// <param name="down">Weights of the output rows.</param>
    /// <param name="destination">(down.Count, rowBytes).</param>
    private static void ResizeColumns(
        ReadOnlySpan<byte> source, int firstRow, int rowBytes, ResizeCoefficients down, Span<byte> destination)
    {
        for (int y = 0; y < down.Count; y++)
        {
            ReadOnlySpan<byte> input = source[((down.Start(y) - firstRow) * rowBytes)..];
            Span<byte> output = destination.Slice(y * rowBytes, rowBytes);
            ReadOnlySpan<int> rowWeights = down.Weights(y);
            int column = 0;
            for (; column <= rowBytes - Vector128<byte>.Count; column += Vector128<byte>.Count)
            {
                Vector128<int> sum0 = Vector128.Create(Half);
                Vector128<int> sum1 = sum0;
                Vector128<int> sum2 = sum0;
                Vector128<int> sum3 = sum0;
                int at = column;
                foreach (int weight in rowWeights)
                {
                    Vector128<int> weights = Vector128.Create(weight);
                    var bytes = Vector128.Create(input.Slice(at, Vector128<byte>.Count));
                    (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(bytes);
                    sum0 += Vector128.WidenLower(low).AsInt32() * weights;
                    sum1 += Vector128.WidenUpper(low).AsInt32() * weights;
                    sum2 += Vector128.WidenLower(high).AsInt32() * weights;
                    sum3 += Vector128.WidenUpper(high).AsInt32() * weights;
                    at += rowBytes;
                }

                Vector128.Narrow(
                    Vector128.Narrow(ToBytes(sum0), ToBytes(sum1)).AsUInt16(),
                    Vector128.Narrow(ToBytes(sum2), ToBytes(sum3)).AsUInt16()).CopyTo(output[column..]);
            }

            for (; column < rowBytes; column++)
            {
                int sum = Half;
                for (int tap = 0; tap < rowWeights.Length; tap++)
                    sum += input[tap * rowBytes + column] * rowWeights[tap];
                output[column] = (byte)Math.Clamp(sum >> ResizeCoefficients.PrecisionBits, 0, 255);
            }
        }
    }

    private static ref byte Row(RgbImage image, byte[] lastRow, int row) =>
        ref row == image.Height - 1 ? ref lastRow[0] : ref image.Pixels[row * 3 * image.Width];

    /// <summary>A pixel's channels as integers. The fourth lane is the next pixel's red and is not stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Pixel(ref byte row, nint at)
    {
        Vector128<byte> bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref row, at))).AsByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32();
    }

    /// <summary>Turns fixed-point sums into integers from 0 to 255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ToBytes(Vector128<int> sums) =>
        Vector128.Min(Vector128.Max(sums >> ResizeCoefficients.PrecisionBits, Vector128<int>.Zero), Vector128.Create(255));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePixel(Vector128<int> sums, Span<byte> destination, int at)
    {
        Vector128<byte> bytes = ToBytes(sums).AsByte();
        Span<byte> pixel = destination.Slice(at, 3);
        pixel[0] = bytes[0];
        pixel[1] = bytes[4];
        pixel[2] = bytes[8];
    }
}
