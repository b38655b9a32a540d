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
        if (pixels.LongLength != 3L * width * height)
            throw new ArgumentException(
                $"{width}x{height} RGB takes {3L * width * height} bytes, got {pixels.LongLength}.", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>(Height, Width, 3) bytes, red first.</summary>
    public byte[] Pixels { get; }

    /// <summary>What the image file lacked, although all of its pixels were there; null if it was complete.</summary>
    public string? Warning { get; internal set; }
}
