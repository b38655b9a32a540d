namespace Dino.Gpu.Imaging;

/// <summary>
/// Decodes JPEG, PNG, BMP, GIF and ICO in managed code on every platform, exactly as Pillow does. It is the library's
/// default. <c>SkiaImageDecoder</c> of the package Dino.Gpu.Data gives the same pixels, is faster, and reads WebP and
/// TIFF, too. The name is that of stb_image, which it took the place of.
/// </summary>
/// <remarks>
/// Alpha and transparency are dropped without blending. Of 16-bit channels the high byte is taken, gray ones included,
/// where Pillow clips at 255 and shows a nearly white picture. Of a GIF the first frame is taken, of an icon the
/// largest picture. ICC profiles are not applied, as in Pillow. A JPEG with damaged data is refused, where Pillow shows
/// what it can make of it. Thread-safe.
/// </remarks>
public sealed class StbImageDecoder : IHeaderDecoder
{
    private const string Exact =
        "use SkiaImageDecoder of the package Dino.Gpu.Data: set DinoOptions.Decoder to one (in dino: --decoder skia)";

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

    private static RgbImage Decode(ReadOnlyMemory<byte> file, ImageHeader header) => header.Format switch
    {
        ImageFormat.Jpeg => JpegDecoder.Decode(file.Span),
        ImageFormat.Png => PngStructure.PixelsOf(file.Span).Read(file.Span),
        _ => throw ImageException.Unsupported($"{header.FormatName} is not read by the managed decoder (stb)", Exact),
    };
}
