namespace Dino.Gpu.Imaging;

/// <summary>Reads pictures from paths, with every failure as one line that names the path.</summary>
public static class ImageFile
{
    /// <summary>Reads and decodes one file. Thread-safe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="decoder">What decodes it.</param>
    /// <param name="orientation">Whether the EXIF orientation is applied.</param>
    /// <exception cref="DinoException">There is no such file, it cannot be read, or the decoder refuses it. The message begins with the path.</exception>
    public static RgbImage Decode(string path, IImageDecoder decoder, ExifOrientation orientation)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(decoder);
        return Named(path, () => decoder.Decode(Read(path), orientation));
    }

    /// <summary>As <see cref="Decode(string, IImageDecoder, ExifOrientation)"/>, and makes of it the model's input. Thread-safe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="decoder">What decodes it.</param>
    /// <param name="orientation">Whether the EXIF orientation is applied.</param>
    /// <param name="preprocessor">What resizes and crops it.</param>
    /// <exception cref="DinoException">As for <see cref="Decode(string, IImageDecoder, ExifOrientation)"/>, or the picture is too long to be resized.</exception>
    public static RgbImage Prepare(string path, IImageDecoder decoder, ExifOrientation orientation, Preprocessor preprocessor)
    {
        ArgumentNullException.ThrowIfNull(preprocessor);
        return Decode(path, decoder, orientation, preprocessor.Apply);
    }

    /// <summary>As <see cref="Decode(string, IImageDecoder, ExifOrientation)"/>, and does something to the picture, whose failures name the path too.</summary>
    internal static RgbImage Decode(string path, IImageDecoder decoder, ExifOrientation orientation, Func<RgbImage, RgbImage> then)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(decoder);
        return Named(path, () => then(decoder.Decode(Read(path), orientation)));
    }

    private static RgbImage Named(string path, Func<RgbImage> read)
    {
        try
        {
            return read();
        }
        catch (DinoException failure)
        {
            throw new DinoException($"{path}: {failure.Message}", failure);
        }
    }

    private static byte[] Read(string path)
    {
        if (Directory.Exists(path))
            throw new DinoException("is a directory, expected an image file");
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException or ArgumentException)
        {
            throw new DinoException("no such file", failure);
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new DinoException("permission denied", failure);
        }
        catch (IOException failure)
        {
            throw new DinoException($"cannot be read: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }
}
