using System.Security.Cryptography;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>From a row of the input list to what the model takes: read, decode, resize. Thread-safe.</summary>
/// <param name="decoder">Bytes to pixels.</param>
/// <param name="orientation">Whether the EXIF orientation is applied.</param>
/// <param name="prepare">Pixels to the model's input.</param>
/// <param name="sha256">Whether files are hashed.</param>
/// <param name="maxPixels">Most pixels of a picture, as the decoder has it.</param>
/// <param name="times">Told how long each step took.</param>
internal sealed class ImageLoader(
    IImageDecoder decoder, ExifOrientation orientation, Func<RgbImage, RgbImage> prepare, bool sha256, long maxPixels, StageTimes times)
{
    private readonly PixelBudget _budget = PixelBudget.OfThisMachine();

    /// <param name="item">The row.</param>
    /// <param name="clock">Started; stops while the image waits for room. Null where nobody looks.</param>
    /// <exception cref="DinoException">The image cannot be read; the message does not name it.</exception>
    public LoadedImage Load(InputItem item, LoadClock? clock = null)
    {
        byte[] file;
        string? hash = null;
        using (times.Measure(Stage.Read))
        {
            file = item.ReadBytes();
            if (sha256)
                hash = Convert.ToHexStringLower(SHA256.HashData(file));
        }

        ImageHeader header;
        using (times.Measure(Stage.Decode, images: 0))
            header = ImageHeader.Read(file, maxPixels);
        long pixels = (long)header.Width * header.Height;
        using IDisposable room = clock is null ? _budget.Enter(pixels) : clock.WaitFor(() => _budget.Enter(pixels));
        RgbImage picture;
        using (times.Measure(Stage.Decode))
            picture = decoder is IHeaderDecoder known ? known.Decode(file, header, orientation) : decoder.Decode(file, orientation);
        // A picture that was decoded smaller has the size of its file nevertheless.
        (int width, int height) = decoder is IHeaderDecoder ? header.SizeAt(orientation) : (picture.Width, picture.Height);
        using (times.Measure(Stage.Resize))
            return new LoadedImage(prepare(ImageHeader.Upright(picture, item.Turn)), width, height, hash);
    }
}
