using System.Buffers.Binary;
using System.Text;
using Dino.Gpu.Imaging;
using SkiaSharp;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Makes WebP files, of which the reference data have none.</summary>
internal static class WebPFiles
{
    public static byte[] Lossless(RgbImage image) => Encode(image, new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100));

    public static byte[] Lossy(RgbImage image) => Encode(image, new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, 90));

    /// <summary>The extended format: VP8X with the EXIF flag and the canvas, the picture, EXIF.</summary>
    public static byte[] WithExif(byte[] webp, int width, int height, byte[] exif)
    {
        byte[] canvas = new byte[10];
        canvas[0] = 0x08;
        BinaryPrimitives.WriteInt32LittleEndian(canvas.AsSpan(4), width - 1);
        canvas[7] = (byte)(height - 1);
        canvas[8] = (byte)(height - 1 >> 8);
        canvas[9] = (byte)(height - 1 >> 16);
        return OfChunks(Chunk("VP8X", canvas), webp[12..], Chunk("EXIF", exif));
    }

    /// <summary>The container around chunks.</summary>
    public static byte[] OfChunks(params byte[][] chunks) => Chunk("RIFF", [.. "WEBP"u8, .. chunks.SelectMany(chunk => chunk)]);

    /// <summary>Name, length and content, padded to whole words of 16 bits.</summary>
    public static byte[] Chunk(string type, byte[] data)
    {
        byte[] chunk = new byte[8 + data.Length + data.Length % 2];
        Encoding.ASCII.GetBytes(type, chunk);
        BinaryPrimitives.WriteInt32LittleEndian(chunk.AsSpan(4), data.Length);
        data.CopyTo(chunk, 8);
        return chunk;
    }

    private static byte[] Encode(RgbImage image, SKWebpEncoderOptions options)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> rgba = bitmap.GetPixelSpan();
        for (int pixel = 0; pixel < image.Width * image.Height; pixel++)
        {
            image.Pixels.AsSpan(3 * pixel, 3).CopyTo(rgba[(4 * pixel)..]);
            rgba[4 * pixel + 3] = 255;
        }

        using SKPixmap pixmap = bitmap.PeekPixels();
        using SKData data = pixmap.Encode(options)!;
        return data.ToArray();
    }
}
