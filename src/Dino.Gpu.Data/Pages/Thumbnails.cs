using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pages;

/// <summary>Small pictures for a page. Decoding stays within a share of the machine's memory.</summary>
/// <param name="decoder">Bytes to pixels.</param>
/// <param name="orientation">Whether the EXIF orientation is applied.</param>
/// <param name="maxPixels">The decoder's limit of pixels per picture.</param>
internal sealed class Thumbnails(IImageDecoder decoder, ExifOrientation orientation, long maxPixels)
{
    private const int LongerSide = 256;
    private const int Quality = 82;

    private readonly ImageLoader _loader = new(decoder, orientation, Shrink, sha256: false, maxPixels, new StageTimes());

    /// <summary>
    /// A JPEG as a data URI; null if the image cannot be read, or is in an archive: files of embeddings do not keep its
    /// place there. Thread-safe.
    /// </summary>
    /// <exception cref="DinoException">There is no memory for it.</exception>
    public string? Make(RowInfo row)
    {
        if (row.Path.Length == 0 || row.Archive is not null)
            return null;
        try
        {
            byte[]? jpeg = PngFile.Jpeg(_loader.Load(InputItem.File(row.Path)).Pixels, Quality);
            return jpeg is null ? null : "data:image/jpeg;base64," + Convert.ToBase64String(jpeg);
        }
        catch (DinoException)
        {
            return null; // shown as missing
        }
        catch (OutOfMemoryException failure)
        {
            throw DecodeMemory.At(row.Path, failure);
        }
    }

    private static RgbImage Shrink(RgbImage image)
    {
        double scale = Math.Min(1.0, (double)LongerSide / Math.Max(image.Width, image.Height));
        return PillowResize.Resize(image, Side(image.Width), Side(image.Height), ResizeFilter.Bicubic);

        int Side(int pixels) => Math.Max(1, (int)Math.Round(pixels * scale));
    }
}
