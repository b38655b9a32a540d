using System.Runtime.InteropServices;
using StbImageSharp;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Decodes JPEG, PNG, BMP, GIF and ICO in managed code on every platform, JPEG and PNG with StbImageSharp. All but JPEG
/// come out exactly as from Pillow. JPEG is 1 to 3 levels off, and more in the last columns of a picture whose chroma
/// is subsampled 4:2:2, which moves an embedding a little. <c>SkiaImageDecoder</c> of the package Dino.Gpu.Data is
/// exact there and reads WebP and TIFF, too.
/// </summary>
/// <remarks>
/// Alpha and transparency are dropped without blending. Of 16-bit channels the high byte is taken, gray ones included,
/// where Pillow clips at 255 and shows a nearly white picture. Of a GIF the first frame is taken, of an icon the
/// largest picture. ICC profiles are not applied, as in Pillow. JPEGs whose subsampled chroma has only 1 or 2 columns
/// are refused, since StbImageSharp is far off on them. Thread-safe.
/// </remarks>
public sealed class StbImageDecoder : IHeaderDecoder
{
    private const string Exact = "use SkiaImageDecoder of the package Dino.Gpu.Data (--decoder skia), or convert the file to PNG";

    /// <summary>
    /// Columns of subsampled chroma from which on libjpeg interpolates as StbImageSharp does; below, it repeats pixels.
    /// </summary>
    private const int LeastChromaWidth = 3;

    /// <inheritdoc/>
    public string Name => "stb";

    /// <summary>
    /// Most pixels that a picture may have by its header; more are refused before they are decoded. 178 956 970 as in
    /// Pillow, at most 536 870 897.
    /// </summary>
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
    public RgbImage Decode(ReadOnlyMemory<byte> file, ExifOrientation orientation) =>
        ImageDecoding.Decode(file, ImageHeader.Read(file.Span, MaxPixels), orientation, Decode);

    RgbImage IHeaderDecoder.Decode(ReadOnlyMemory<byte> file, ImageHeader header, ExifOrientation orientation) =>
        ImageDecoding.Decode(file, header, orientation, Decode);

    private static RgbImage Decode(ReadOnlyMemory<byte> file, ImageHeader header)
    {
        if (header.Format is ImageFormat.WebP or ImageFormat.Tiff)
            throw new DinoException($"{header.FormatName} is not read by the managed decoder (stb)", Exact);
        if (header.LeastComponentWidth < LeastChromaWidth && (header.Width, header.Height) != (1, 1))
            throw new DinoException("JPEG with chroma of 1 or 2 columns is not read exactly by the managed decoder (stb)", Exact);
        // StbImageSharp fills up what is missing and ignores checksums, so the structure was checked before it.
        if (header.Format == ImageFormat.Png)
            PngStructure.CheckDataCrcs(file.Span);

        ImageResult? result;
        try
        {
            bool isWhole = MemoryMarshal.TryGetArray(file, out ArraySegment<byte> part) && part.Count == part.Array!.Length;
            result = ImageResult.FromMemory(isWhole ? part.Array! : file.ToArray(), ColorComponents.RedGreenBlue);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            // Its reason is a static field, which another thread may have overwritten: it stays in the inner exception.
            throw new DinoException($"damaged or unsupported {header.FormatName}: it could not be decoded", failure);
        }

        (int width, int height) = (header.Width, header.Height);
        if (result is null || result.Width != width || result.Height != height || result.Data.Length != 3L * width * height)
            throw new DinoException($"damaged {header.FormatName}: it did not decode to the {width}x{height} pixels of its header");
        return new RgbImage(result.Width, result.Height, result.Data);
    }
}
