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

    /// <param name="rows">The rows of each image.</param>
    /// <param name="tokenCount">Tokens of an image.</param>
    /// <param name="prefixCount">Tokens before its first patch.</param>
    public static RowMap Of(Rows rows, int tokenCount, int prefixCount = 1) => rows switch
    {
        Rows.ClassToken => new RowMap(1, tokenCount, 0),
        Rows.Patches => new RowMap(tokenCount - prefixCount, tokenCount, prefixCount),
        _ => Dense,
    };

    public static RowMap Of(Rows rows, in VitShape shape) => Of(rows, shape.TokenCount, shape.PrefixTokenCount);

    public int BufferRow(int row)
    {
        int image = (int)(((ulong)(uint)row * Reciprocal) >> Shift);
        return row + image * (ImageStride - RowsPerImage) + FirstRow;
    }
}
