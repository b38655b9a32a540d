namespace Dino.Gpu.Imaging;

/// <summary>What to do with the orientation that a camera or a program wrote into a file's EXIF or XMP.</summary>
public enum ExifOrientation
{
    /// <summary>Turn the picture upright, as Hugging Face's <c>load_image</c> does.</summary>
    Apply,

    /// <summary>Keep the stored pixels, as Pillow's plain <c>Image.open</c> does.</summary>
    Ignore,
}

/// <summary>Turns an image file into RGB pixels. Implementations are thread-safe.</summary>
public interface IImageDecoder
{
    /// <summary>Name for messages, such as <c>stb</c> or <c>skia</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Decodes one whole image file. Alpha and palette transparency are dropped without blending, as Pillow's
    /// <c>convert("RGB")</c> does.
    /// </summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="orientation">Whether the orientation is applied.</param>
    /// <exception cref="ImageException">
    /// Not an image, truncated, of a kind that is not supported, or absurdly large.
    /// </exception>
    RgbImage Decode(ReadOnlyMemory<byte> file, ExifOrientation orientation);
}
