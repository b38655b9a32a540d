using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>What the model sees of each image, in a file of its own.</summary>
internal sealed record PreparedPictures
{
    /// <summary>Where the files go.</summary>
    public required string Directory { get; init; }

    /// <summary>What is in the files.</summary>
    public required PreprocessFormat Format { get; init; }

    /// <summary>Resizes and crops.</summary>
    public required Preprocessor Preprocessor { get; init; }

    /// <summary>Bytes to pixels.</summary>
    public required IImageDecoder Decoder { get; init; }

    /// <summary>Whether the orientation is applied.</summary>
    public required ExifOrientation Orientation { get; init; }

    /// <summary>Writes the files. An image that cannot be read is reported, and the others go on.</summary>
    /// <param name="list">The images.</param>
    /// <param name="progress">Hears of every image.</param>
    /// <param name="cancellation">Ends it between two images.</param>
    /// <exception cref="DinoException">
    /// Two images would become one file, an image or a file of another kind would be replaced, or the directory cannot
    /// be written.
    /// </exception>
    public void Write(InputList list, IEmbeddingProgress progress, CancellationToken cancellation)
    {
        InputItem[] images = [.. list.Items()];
        var files = new PreprocessedFiles(images, Directory, Format, Preprocessor);
        IImageDecoder decoder = ImageDecoding.For(Decoder, Preprocessor);
        progress.Begin(new EmbeddingStart(list.Count));
        int number = 0;
        foreach (InputItem item in images)
        {
            cancellation.ThrowIfCancellationRequested();
            RgbImage? picture = Prepare(item, decoder, progress);
            if (picture is not null)
                files.Write(number, picture);
            progress.Advance(failed: picture is null);
            number++;
        }
    }

    private RgbImage? Prepare(InputItem item, IImageDecoder decoder, IEmbeddingProgress progress)
    {
        try
        {
            RgbImage picture = decoder.Decode(item.ReadBytes(), Orientation);
            if (picture.Warning is not null)
                progress.Warn(item.Path, picture.Warning);
            return Preprocessor.Apply(picture);
        }
        catch (SystemReadException failure)
        {
            throw new DinoException(ImageFailures.Line(item.Path, failure.Message), failure);
        }
        catch (DinoException failure)
        {
            progress.Report(item.Path, failure.Message, failure.Hint);
            return null;
        }
    }
}
