namespace Dino.Gpu.Imaging;

/// <summary>One component of a JPEG: its coefficients while they come, then its samples.</summary>
internal sealed class JpegComponent
{
    /// <summary>Places of the coefficients in a block, in the order of the file (T.81, figure 5).</summary>
    public static ReadOnlySpan<byte> ZigZag =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    /// <summary>(<see cref="BlocksDown"/>, <see cref="BlocksAcross"/>, 64) until they are transformed.</summary>
    private short[] _coefficients = [];

    /// <param name="id">By which scans name it.</param>
    /// <param name="factors">How many blocks of it a unit has, across and down.</param>
    /// <param name="most">The largest of the components'.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="isProgressive">Whether several scans bring a block.</param>
    public JpegComponent(
        byte id, (int Across, int Down) factors, (int Across, int Down) most, int width, int height, bool isProgressive)
    {
        Id = id;
        (Across, Down) = factors;
        Width = (width * factors.Across + most.Across - 1) / most.Across;
        Height = (height * factors.Down + most.Down - 1) / most.Down;
        BlocksAcross = (width + 8 * most.Across - 1) / (8 * most.Across) * factors.Across;
        BlocksDown = (height + 8 * most.Down - 1) / (8 * most.Down) * factors.Down;
        if (isProgressive)
            _coefficients = new short[64 * BlocksAcross * BlocksDown];
        else
            Samples = new byte[64 * BlocksAcross * BlocksDown];
    }

    public byte Id { get; }

    /// <summary>Blocks of a unit side by side.</summary>
    public int Across { get; }

    /// <summary>Blocks of a unit on top of each other.</summary>
    public int Down { get; }

    /// <summary>Columns of samples that the picture needs.</summary>
    public int Width { get; }

    /// <summary>Rows of samples that the picture needs.</summary>
    public int Height { get; }

    /// <summary>Blocks of a row, with those that only fill up units.</summary>
    public int BlocksAcross { get; }

    /// <summary>Rows of blocks, with those that only fill up units.</summary>
    public int BlocksDown { get; }

    /// <summary>(8 * <see cref="BlocksDown"/>, 8 * <see cref="BlocksAcross"/>)</summary>
    public byte[] Samples { get; private set; } = [];

    /// <summary>Number of the quantization table.</summary>
    public int Table { get; init; }

    /// <summary>(64) as the first scan found them, in the order of a block.</summary>
    public int[]? Quantization { get; set; }

    /// <summary>Codes of the mean values in the present scan.</summary>
    public JpegCodes? DcCodes { get; set; }

    /// <summary>Codes of the other coefficients in the present scan.</summary>
    public JpegCodes? AcCodes { get; set; }

    /// <summary>The mean value of the block before.</summary>
    public int Prediction { get; set; }

    /// <summary>By place in the file's order: the lowest bit that has come; -1 where nothing has.</summary>
    public int[] LowestBit { get; } = [.. Enumerable.Repeat(-1, 64)];

    /// <summary>Bytes from one row of samples to the next.</summary>
    public int Stride => 8 * BlocksAcross;

    /// <summary>The coefficients of a block, in the order of a block.</summary>
    public Span<short> Block(int row, int column) => _coefficients.AsSpan(64 * (row * BlocksAcross + column), 64);

    /// <summary>Makes the samples of a block.</summary>
    public void Transform(ReadOnlySpan<short> coefficients, int row, int column) =>
        JpegTransform.Inverse(coefficients, Quantization, Samples.AsSpan(8 * row * Stride + 8 * column), Stride);

    /// <summary>Makes all samples of the coefficients that have come, which are gone then.</summary>
    public void TransformAll()
    {
        Samples = new byte[_coefficients.Length];
        for (int row = 0; row < BlocksDown; row++)
        {
            for (int column = 0; column < BlocksAcross; column++)
                Transform(Block(row, column), row, column);
        }

        _coefficients = [];
    }
}
