namespace Dino.Gpu.Imaging;

/// <summary>The order of the bytes of a pixel, for <see cref="RgbImage"/>'s <c>FromPixels</c>.</summary>
public enum PixelFormat
{
    /// <summary>Three bytes: red, green, blue.</summary>
    Rgb,

    /// <summary>Three bytes: blue, green, red, as in OpenCV and in 24-bit bitmaps of Windows.</summary>
    Bgr,

    /// <summary>Four bytes: red, green, blue, alpha. Alpha is dropped without blending, as decoders do.</summary>
    Rgba,

    /// <summary>Four bytes: blue, green, red, alpha. Alpha is dropped without blending, as decoders do.</summary>
    Bgra,

    /// <summary>One byte, which red, green and blue take.</summary>
    Gray,
}
