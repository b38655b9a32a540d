using System.Numerics;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The rows of an activation buffer (images * tokens, columns) that an op works on. Row r of the op is row r /
/// RowsPerImage * ImageStride + FirstRow + r % RowsPerImage of the buffer. So class tokens are rows with a stride and
/// need no gathering.
/// </summary>
internal readonly struct RowMap
{
    public RowMap(int rowsPerImage, int imageStride, int firstRow)
    {
        RowsPerImage = rowsPerImage;
        Shift = 63 - BitOperations.LeadingZeroCount((uint)rowsPerImage - 1);
        Reciprocal = (uint)(((1UL << Shift) + (uint)rowsPerImage - 1) / (uint)rowsPerImage);
        ImageStride = imageStride;
        FirstRow = firstRow;
    }

    public int RowsPerImage { get; }

    /// <summary>
    /// 2^Shift / RowsPerImage, rounded up. A multiplication by it replaces the division, exactly for rows below 2^31.
    /// </summary>
    public uint Reciprocal { get; }

    public int Shift { get; }

    public int ImageStride { get; }

    public int FirstRow { get; }

    /// <summary>Rows without gaps.</summary>
    public static RowMap Dense => new(1, 1, 0);

    public static RowMap Of(Rows rows, int tokenCount) => rows switch
    {
        Rows.ClassToken => new RowMap(1, tokenCount, 0),
        Rows.Patches => new RowMap(tokenCount - 1, tokenCount, 1),
        _ => Dense,
    };

    public int BufferRow(int row)
    {
        int image = (int)(((ulong)(uint)row * Reciprocal) >> Shift);
        return row + image * (ImageStride - RowsPerImage) + FirstRow;
    }
}
