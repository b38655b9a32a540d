using Dino.Gpu.Files;
using Dino.Gpu.Imaging;
using SkiaSharp;

namespace Dino.Gpu.Data.Imaging;

/// <summary>Encodes pictures: PNG files, and JPEG for pages.</summary>
internal static class PngFile
{
    /// <summary>8-bit RGB without alpha or color profile, so that any reader gets the very bytes.</summary>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public static void Write(string path, RgbImage image)
    {
        using SKData png = Encode(image, SKEncodedImageFormat.Png, quality: 100)
            ?? throw new DinoException($"cannot write {path}: the PNG encoder failed");
        using var file = new AtomicFile(path);
        file.Write(png.AsSpan());
        file.Complete();
    }

    /// <summary>The bytes of such a file.</summary>
    /// <exception cref="DinoException">The encoder failed.</exception>
    public static byte[] Bytes(RgbImage image)
    {
        using SKData png = Encode(image, SKEncodedImageFormat.Png, quality: 100) ?? throw new DinoException("the PNG encoder failed");
        return png.ToArray();
    }

    /// <summary>A picture for a page, 8-bit RGB; null where the encoder failed.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="quality">Of the JPEG, up to 100.</param>
    public static byte[]? Jpeg(RgbImage image, int quality)
    {
        using SKData? jpeg = Encode(image, SKEncodedImageFormat.Jpeg, quality);
        return jpeg?.ToArray();
    }

    private static SKData? Encode(RgbImage image, SKEncodedImageFormat format, int quality)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> rgba = bitmap.GetPixelSpan();
        for (int from = 0, to = 0; from < image.Pixels.Length; from += 3, to += 4)
        {
            image.Pixels.AsSpan(from, 3).CopyTo(rgba[to..]);
            rgba[to + 3] = 255;
        }

        return bitmap.Encode(format, quality);
    }

    /// <summary>Before a long run: whether PNG files can be written at all.</summary>
    /// <param name="instead">What to do when they cannot.</param>
    /// <exception cref="DinoException">They cannot.</exception>
    public static void RequireEncoder(string instead)
    {
        if (ImageDecoders.SkiaFailure() is { } missing)
        {
            throw new DinoException(
                $"pictures are written by SkiaSharp, whose native library does not load ({ImageDecoders.FirstLine(missing)})",
                    instead, missing);
        }
    }
}
