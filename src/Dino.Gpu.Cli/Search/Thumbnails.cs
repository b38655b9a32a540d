using Dino.Gpu.Cli.Formats;
using Dino.Gpu.Cli.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Search;

/// <summary>Small pictures for a page.</summary>
internal sealed class Thumbnails(IImageDecoder decoder, ExifOrientation orientation)
{
    private const int LongerSide = 256;
    private const int Quality = 82;

    /// <summary>A JPEG as a data URI; null where the image cannot be read, or is in an archive, whose places no file of embeddings keeps. Thread-safe.</summary>
    public string? Make(RowInfo row)
    {
        if (row.Path.Length == 0 || row.Archive is not null)
            return null;
        try
        {
            RgbImage image = ImageFile.Decode(row.Path, decoder, orientation);
            double scale = Math.Min(1.0, (double)LongerSide / Math.Max(image.Width, image.Height));
            RgbImage small = PillowResize.Resize(image, Side(image.Width), Side(image.Height), ResizeFilter.Bicubic);
            return PngFile.Jpeg(small, Quality) is { } jpeg ? "data:image/jpeg;base64," + Convert.ToBase64String(jpeg) : null;

            int Side(int pixels) => Math.Max(1, (int)Math.Round(pixels * scale));
        }
        catch (DinoException)
        {
            return null; // shown as missing
        }
    }
}
