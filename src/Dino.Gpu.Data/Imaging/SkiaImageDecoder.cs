using System.Runtime.Intrinsics;
using Dino.Gpu.Imaging;
using SkiaSharp;

namespace Dino.Gpu.Data.Imaging;

/// <summary>
/// Decodes JPEG, PNG, WebP, BMP, GIF, TIFF and ICO to the very bytes that Pillow gives: JPEG, PNG and WebP with
/// SkiaSharp's libjpeg-turbo, libpng and libwebp, TIFF with LibTiff.NET, the others in managed code. Give one to <see
/// cref="DinoOptions.Decoder"/>.
/// </summary>
/// <remarks>
/// Alpha and transparency are dropped without blending; ICC profiles are not applied, as in Pillow. Of 16-bit channels
/// the high byte is taken, gray ones included, where Pillow clips at 255 and shows a nearly white picture. Of an
/// animation the first frame is taken, of a TIFF the first page, of an icon the largest picture. A JPEG or PNG that
/// lacks only its end is read, and <see cref="RgbImage.Warning"/> says so. Thread-safe.
/// </remarks>
public sealed class SkiaImageDecoder : IHeaderDecoder
{
    /// <inheritdoc/>
    public string Name => "skia";

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

    private RgbImage Decode(ReadOnlyMemory<byte> file, ImageHeader header)
    {
        if (header.Format == ImageFormat.Tiff)
            return TiffReader.Read(file, header, jpeg => Decode(jpeg, ExifOrientation.Ignore));
        string format = header.FormatName;
        using var data = SKData.CreateCopy(file.Span);
        using SKCodec codec = SKCodec.Create(data) ?? throw new DinoException($"damaged or unsupported {format}: it could not be decoded");
        if (codec.Info.Width != header.Width || codec.Info.Height != header.Height)
        {
            throw new DinoException(
                $"damaged {format}: its header says {header.Width}x{header.Height}, its data {codec.Info.Width}x{codec.Info.Height}");
        }

        // No color space: pixels are not converted. Unpremultiplied: colors survive where alpha is 0.
        var info = new SKImageInfo(header.Width, header.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, colorspace: null);
        // A bitmap's memory is gone when it is disposed; arrays of hundreds of megabytes would wait for the collector.
        using var rgba = new SKBitmap();
        if (!rgba.TryAllocPixels(info))
            throw new OutOfMemoryException($"There is no room for {header.Width}x{header.Height} pixels.");
        SKCodecResult result = codec.GetPixels(info, rgba.GetPixels(), rgba.RowBytes, SKCodecOptions.Default);
        if (result == SKCodecResult.IncompleteInput)
            throw new DinoException($"truncated {format}: its data end before the last row");
        if (result != SKCodecResult.Success)
            throw new DinoException($"damaged {format}: decoding failed with {result}");

        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * header.Width * header.Height);
        DropAlpha(rgba.GetPixelSpan(), rgb);
        return new RgbImage(header.Width, header.Height, rgb);
    }

    /// <summary>(pixels, 4) to (pixels, 3).</summary>
    private static void DropAlpha(ReadOnlySpan<byte> rgba, byte[] rgb)
    {
        Vector128<byte> colors = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        int to = 0;
        int from = 0;
        // Four pixels at once; the four bytes too many are overwritten by the next.
        for (; to <= rgb.Length - Vector128<byte>.Count; to += 12, from += 16)
            Vector128.Shuffle(Vector128.Create(rgba[from..]), colors).StoreUnsafe(ref rgb[to]);
        for (; to < rgb.Length; to += 3, from += 4)
            rgba.Slice(from, 3).CopyTo(rgb.AsSpan(to));
    }
}
