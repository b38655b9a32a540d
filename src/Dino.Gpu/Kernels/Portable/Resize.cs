using Dino.Gpu.Imaging;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>One pass of a resize. Plain values: a kernel takes it as a parameter.</summary>
/// <param name="SourceStart">First byte of the source's line 0.</param>
/// <param name="SourceStride">Bytes from a source line to the next.</param>
/// <param name="TapStride">
/// Bytes from one tap to the next: a pixel in the horizontal pass, a line in the vertical one.
/// </param>
/// <param name="LineLength">Bytes of an output line.</param>
/// <param name="TableStride">Integers of one entry of the table.</param>
internal readonly record struct ResizePass(long SourceStart, int SourceStride, int TapStride, int LineLength, int TableStride);

/// <summary>
/// Pillow's resize, one thread per byte of output. It is integer arithmetic on the tables of
/// <see cref="ResizeCoefficients.ToTable"/>, so every device gives the bytes of <see cref="PillowResize"/>.
/// </summary>
internal static class Resize
{
    private const int Half = 1 << ResizeCoefficients.PrecisionBits - 1;

    /// <summary>Resizes lines: output (line, x, channel) is a weighted sum of pixels of the same line.</summary>
    /// <param name="index">(line, x, channel), channel fastest.</param>
    /// <param name="source">The lines, 3 bytes a pixel.</param>
    /// <param name="table">(width, TableStride): first pixel, number of weights, weights.</param>
    /// <param name="pass">Strides.</param>
    /// <param name="destination">(lines, LineLength)</param>
    public static void RowsKernel(Index1D index, ArrayView<byte> source, ArrayView<int> table, ResizePass pass, ArrayView<byte> destination)
    {
        int column = index % pass.LineLength;
        int row = index / pass.LineLength;
        long line = pass.SourceStart + (long)row * pass.SourceStride;
        int entry = column / 3 * pass.TableStride;
        destination[index] = Sum(source, line + 3 * table[entry] + column % 3, table, entry, pass.TapStride);
    }

    /// <summary>Resizes columns: output (y, column) is a weighted sum of the same byte of several lines.</summary>
    /// <param name="index">(y, column), column fastest.</param>
    /// <param name="source">The lines, from the first one that any output needs.</param>
    /// <param name="table">(height, TableStride): first line, number of weights, weights.</param>
    /// <param name="pass">Strides.</param>
    /// <param name="destination">(height, LineLength)</param>
    public static void ColumnsKernel(
        Index1D index, ArrayView<byte> source, ArrayView<int> table, ResizePass pass, ArrayView<byte> destination)
    {
        int column = index % pass.LineLength;
        int entry = index / pass.LineLength * pass.TableStride;
        destination[index] = Sum(source, pass.SourceStart + (long)table[entry] * pass.SourceStride + column, table, entry, pass.TapStride);
    }

    /// <summary>Copies the crop, for a pass that would not change its side.</summary>
    /// <param name="index">(line, column), column fastest.</param>
    /// <param name="source">The lines.</param>
    /// <param name="pass">Strides.</param>
    /// <param name="destination">(lines, LineLength)</param>
    public static void CropKernel(Index1D index, ArrayView<byte> source, ResizePass pass, ArrayView<byte> destination)
    {
        int column = index % pass.LineLength;
        int row = index / pass.LineLength;
        destination[index] = source[pass.SourceStart + (long)row * pass.SourceStride + column];
    }

    /// <summary>The weighted sum in 8-bit fixed point, rounded and clipped to a byte.</summary>
    private static byte Sum(ArrayView<byte> source, long at, ArrayView<int> table, int entry, int tapStride)
    {
        int sum = Half;
        int taps = table[entry + 1];
        for (int tap = 0; tap < taps; tap++)
        {
            sum += source[at] * table[entry + 2 + tap];
            at += tapStride;
        }

        int value = sum >> ResizeCoefficients.PrecisionBits;
        return (byte)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}
