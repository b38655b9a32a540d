namespace Dino.Gpu.Imaging;

/// <summary>Copies the pixels of other libraries into the order of <see cref="RgbImage"/>.</summary>
internal static class RawPixels
{
    /// <summary>Bytes of a pixel.</summary>
    public static int Size(PixelFormat format) => format switch
    {
        PixelFormat.Rgb or PixelFormat.Bgr => 3,
        PixelFormat.Rgba or PixelFormat.Bgra => 4,
        PixelFormat.Gray => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "There is no such pixel format."),
    };

    /// <summary>Copies one row.</summary>
    /// <param name="row">Pixels of <paramref name="format"/>, and nothing else.</param>
    /// <param name="format">The order of their bytes.</param>
    /// <param name="rgb">(width, 3)</param>
    public static void CopyRow(ReadOnlySpan<byte> row, PixelFormat format, Span<byte> rgb)
    {
        if (format == PixelFormat.Rgb)
        {
            row.CopyTo(rgb);
            return;
        }

        int size = Size(format);
        (int red, int green, int blue) = format switch
        {
            PixelFormat.Bgr or PixelFormat.Bgra => (2, 1, 0),
            PixelFormat.Gray => (0, 0, 0),
            _ => (0, 1, 2),
        };
        for (int from = 0, to = 0; to < rgb.Length; from += size, to += 3)
        {
            rgb[to] = row[from + red];
            rgb[to + 1] = row[from + green];
            rgb[to + 2] = row[from + blue];
        }
    }
}
