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
public sealed class SkiaImageDecoder : IScalingDecoder
{
    /// <summary>What becomes of the pictures; null where nobody has said it.</summary>
    private Preprocessor? _preprocessor;

    /// <inheritdoc/>
    public string Name => Fast ? "skia-fast" : "skia";

    /// <summary>
    /// Whether an encoder may decode JPEGs at 1/8 to 7/8 of their size, not below the model's input: faster for
    /// photographs of cameras, with pixels that are no longer those of Pillow. <c>docs/accuracy.md</c> says how far
    /// embeddings move. It does nothing for <see cref="Decode(ReadOnlyMemory{byte}, ExifOrientation)"/> alone.
    /// </summary>
    public bool Fast { get; init; }

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
        ((IHeaderDecoder)this).Decode(file, ImageHeader.Read(file.Span, MaxPixels), orientation);

    RgbImage IHeaderDecoder.Decode(ReadOnlyMemory<byte> file, ImageHeader header, ExifOrientation orientation) =>
        ImageDecoding.Decode(file, header, orientation, (bytes, its) => Decode(bytes, its, orientation));

    IImageDecoder IScalingDecoder.For(Preprocessor preprocessor) =>
        Fast ? new SkiaImageDecoder { Fast = true, MaxPixels = MaxPixels, _preprocessor = preprocessor } : this;

    private RgbImage Decode(ReadOnlyMemory<byte> file, ImageHeader header, ExifOrientation orientation)
    {
        if (header.Format == ImageFormat.Tiff)
        {
            return TiffReader.Read(file, header, (jpeg, mostPixels) =>
                new SkiaImageDecoder { MaxPixels = Math.Min(mostPixels, MaxPixels) }.Decode(jpeg, ExifOrientation.Ignore));
        }

        string format = header.FormatName;
        if (header.Format == ImageFormat.Png)
            file = PngStructure.WithoutLargeExtras(file);
        using var data = SKData.CreateCopy(file.Span);
        using SKCodec codec = SKCodec.Create(data)
            ?? throw ImageException.Damaged($"damaged or unsupported {format}: it could not be decoded");
        if (codec.Info.Width != header.Width || codec.Info.Height != header.Height)
        {
            throw ImageException.Damaged(
                $"damaged {format}: its header says {header.Width}x{header.Height}, its data {codec.Info.Width}x{codec.Info.Height}");
        }

        SKSizeI size = Size(codec, header, orientation);
        // No color space: pixels are not converted. Unpremultiplied: colors survive where alpha is 0.
        var info = new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, colorspace: null);
        // A bitmap's memory is gone when it is disposed; arrays of hundreds of megabytes would wait for the collector.
        using var rgba = new SKBitmap();
        if (!rgba.TryAllocPixels(info))
            throw new OutOfMemoryException($"There is no room for {size.Width}x{size.Height} pixels.");
        SKCodecResult result = codec.GetPixels(info, rgba.GetPixels(), rgba.RowBytes, SKCodecOptions.Default);
        if (result == SKCodecResult.IncompleteInput)
            throw ImageException.Truncated($"truncated {format}: its data end before the last row");
        if (result != SKCodecResult.Success && header.Format == ImageFormat.Png)
            return PngStructure.PixelsOf(file.Span).Read(file.Span); // libpng wants what is behind the last row, too
        if (result != SKCodecResult.Success)
            throw ImageException.Damaged($"damaged {format}: decoding failed with {result}");

        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * size.Width * size.Height);
        DropAlpha(rgba.GetPixelSpan(), rgb);
        return new RgbImage(size.Width, size.Height, rgb);
    }

    /// <summary>The size to decode at: the smallest that the preprocessor only makes smaller.</summary>
    private SKSizeI Size(SKCodec codec, ImageHeader header, ExifOrientation orientation)
    {
        if (_preprocessor is null || header.Format != ImageFormat.Jpeg)
            return codec.Info.Size;
        (int width, int height) = header.SizeAt(orientation);
        ResizePlan plan = _preprocessor.Plan(width, height);
        (long leastWidth, long leastHeight) = width == header.Width ? (plan.Width, plan.Height) : (plan.Height, plan.Width);
        for (int eighths = 1; eighths < 8; eighths++)
        {
            SKSizeI size = codec.GetScaledDimensions(eighths / 8f);
            if (size.Width >= leastWidth && size.Height >= leastHeight)
                return size;
        }

        return codec.Info.Size;
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
