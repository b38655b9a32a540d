using StbImageSharp;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Decodes JPEG, PNG, BMP and GIF with StbImageSharp, in managed code on every platform. PNG and BMP come out exactly as from Pillow; JPEG is 1 to 3 levels off
/// (up to 18 where chroma is subsampled 4:2:2), which moves an embedding a little: a decoder built on libjpeg-turbo is exact there.
/// </summary>
/// <remarks>
/// Alpha and palette transparency are dropped without blending. Of 16-bit channels the high byte is taken, gray ones included, where Pillow clips at 255
/// and shows a nearly white picture. Of a GIF the first frame is taken, its transparent pixels black. ICC profiles are not applied, as in Pillow. CMYK JPEG
/// has not been compared with Pillow's. Thread-safe.
/// </remarks>
public sealed class StbImageDecoder : IImageDecoder
{
    /// <inheritdoc/>
    public string Name => "stb";

    /// <summary>Most pixels that a picture may have by its header; more are refused before they are decoded. At most <see cref="ImageHeader.LargestMaxPixels"/>.</summary>
    public long MaxPixels
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, ImageHeader.LargestMaxPixels);
            field = value;
        }
    } = ImageHeader.MaxPixels;

    /// <inheritdoc/>
    public RgbImage Decode(ReadOnlyMemory<byte> file, ExifOrientation orientation)
    {
        // StbImageSharp fills up what is missing and ignores checksums, so the structure is checked before it.
        ImageHeader header = ImageHeader.Read(file.Span, MaxPixels);
        if (header.Format == ImageFormat.WebP)
            throw new DinoException("WebP cannot be read by the managed decoder (stb): use one that reads it (skia), or convert the file to PNG");
        if (header.Format == ImageFormat.Png)
            PngStructure.CheckDataCrcs(file.Span);

        ImageResult? result;
        try
        {
            byte[] bytes = System.Runtime.InteropServices.MemoryMarshal.TryGetArray(file, out ArraySegment<byte> whole)
                && whole.Offset == 0 && whole.Count == whole.Array!.Length ? whole.Array : file.ToArray();
            result = ImageResult.FromMemory(bytes, ColorComponents.RedGreenBlue);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            // Its reason is a static field, which another thread may have overwritten: it stays in the inner exception.
            throw new DinoException($"damaged or unsupported {header.FormatName}: it could not be decoded", failure);
        }

        if (result is null || result.Width != header.Width || result.Height != header.Height || result.Data.Length != 3L * header.Width * header.Height)
            throw new DinoException($"damaged {header.FormatName}: it did not decode to the {header.Width}x{header.Height} pixels of its header");
        var image = new RgbImage(result.Width, result.Height, result.Data);
        return orientation == ExifOrientation.Apply ? header.Upright(image) : image;
    }
}
