using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// Which rows of an activation buffer (images * tokens, columns) an op works on. Row r of the op is row r /
/// RowsPerImage * ImageStride + FirstRow + r % RowsPerImage of the buffer, so class tokens are rows with a stride and
/// need no gathering.
/// </summary>
internal readonly struct RowMap
{
    public RowMap(int rowsPerImage, int imageStride, int firstRow)
    {
        RowsPerImage = rowsPerImage;
        ImageStride = imageStride;
        FirstRow = firstRow;
    }

    public int RowsPerImage { get; }

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

    public int BufferRow(int row) => row / RowsPerImage * ImageStride + FirstRow + row % RowsPerImage;
}
