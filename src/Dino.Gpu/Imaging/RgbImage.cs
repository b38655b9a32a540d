namespace Dino.Gpu.Imaging;

/// <summary>Decoded 8-bit RGB pixels, row by row from the top, three bytes a pixel.</summary>
public sealed class RgbImage
{
    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="pixels">(height, width, 3) bytes; the image keeps the array.</param>
    /// <exception cref="ArgumentException">A side is not positive, or the array has another length.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ulong length = 3UL * (uint)width * (uint)height; // more than a long holds, at the largest sides
        if ((ulong)pixels.LongLength != length)
            throw new ArgumentException($"{width}x{height} RGB takes {length} bytes, got {pixels.LongLength}.", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Copies the pixels of another library.</summary>
    /// <param name="pixels">
    /// Rows from the top: (height - 1) * stride bytes, then the last row, which may be followed by anything.
    /// </param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="stride">Bytes from the start of a row to that of the next, at least those of a row.</param>
    /// <param name="format">
    /// The bytes of a pixel. Alpha is dropped without blending, as decoders do; gray becomes red, green and blue.
    /// </param>
    /// <exception cref="ArgumentException">A side is not positive, or there are too few pixels.</exception>
    public static RgbImage FromPixels(ReadOnlySpan<byte> pixels, int width, int height, int stride, PixelFormat format)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        long row = (long)RawPixels.Size(format) * width;
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, row);
        long needed = (height - 1L) * stride + row;
        if (pixels.Length < needed)
        {
            throw new ArgumentException(
                $"{width}x{height} {format} with rows of {stride} bytes takes {needed} bytes, got {pixels.Length}.", nameof(pixels));
        }

        long length = 3L * width * height;
        if (length > Array.MaxLength)
            throw new ArgumentException($"{width}x{height} RGB takes {length} bytes, more than an array holds.", nameof(width));
        byte[] rgb = GC.AllocateUninitializedArray<byte>((int)length);
        for (int y = 0; y < height; y++)
            RawPixels.CopyRow(pixels.Slice(y * stride, (int)row), format, rgb.AsSpan(3 * width * y, 3 * width));
        return new RgbImage(width, height, rgb);
    }

    /// <summary>Copies the pixels of another library, whose rows follow each other without a gap.</summary>
    /// <inheritdoc cref="FromPixels(ReadOnlySpan{byte}, int, int, int, PixelFormat)"/>
    public static RgbImage FromPixels(ReadOnlySpan<byte> pixels, int width, int height, PixelFormat format)
    {
        long row = (long)RawPixels.Size(format) * width;
        if (row > pixels.Length)
            throw new ArgumentException($"A row of {width} {format} pixels takes {row} bytes, got {pixels.Length}.", nameof(pixels));
        return FromPixels(pixels, width, height, (int)Math.Max(row, 0), format); // which refuses a negative width
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>(Height, Width, 3) bytes, red first.</summary>
    public byte[] Pixels { get; }

    /// <summary>
    /// (Height, Width, 3) before they were rounded to <see cref="Pixels"/>, on their scale of 0 to 255; null where the
    /// pixels are exact. What the model sees of a picture that <see cref="PreprocessorConfig.KeepsFractions"/> prepared.
    /// </summary>
    internal float[]? Fractions { get; init; }

    /// <summary>What the image file lacked, although all of its pixels were there; null if it was complete.</summary>
    public string? Warning { get; internal set; }
}
