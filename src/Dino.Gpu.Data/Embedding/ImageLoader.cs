using System.Security.Cryptography;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;
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

    /// <summary>Folders that inputs were found in.</summary>
    public SeenFolders Folders { get; } = new();

    /// <summary>Loads one image.</summary>
    /// <param name="item">The row.</param>
    /// <param name="clock">Started; stops while the image waits for room. Null where nobody looks.</param>
    /// <exception cref="SystemReadException">
    /// The system failed in several tries, or the image's folder vanished.
    /// </exception>
    /// <exception cref="DinoException">The image cannot be read; the message does not name it.</exception>
    public LoadedImage Load(InputItem item, LoadClock? clock = null)
    {
        byte[] file;
        string? hash = null;
        using (times.Measure(Stage.Read))
        {
            file = Read(item);
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
            return new LoadedImage(prepare(ImageHeader.Upright(picture, item.Turn)), width, height, hash, picture.Warning);
    }

    private byte[] Read(InputItem item)
    {
        Folders.Visit(item);
        try
        {
            return item.ReadBytes();
        }
        catch (DinoException failure) when (failure is not SystemReadException && Folders.Vanished(item) is { } vanished)
        {
            throw new SystemReadException($"{MessageText.Quote(vanished)} has vanished since the work began", failure);
        }
    }
}
