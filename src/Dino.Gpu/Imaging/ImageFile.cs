namespace Dino.Gpu.Imaging;

/// <summary>Reads image files whole, with failures as one line.</summary>
internal static class ImageFile
{
    /// <summary>Above this no picture within <see cref="ImageHeader.MaxPixels"/> is plausible, and the file would only fill memory.</summary>
    private const long MaxBytes = 1L << 30;

    /// <summary>The bytes of a file.</summary>
    /// <param name="path">An existing file.</param>
    /// <exception cref="DinoException">No such file, not a regular file, not readable, empty or far too large.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
                throw new DinoException(Directory.Exists(path) ? $"'{path}': expected an image file, found a directory." : $"'{path}': no such file.");
            if (info.Length > MaxBytes)
                throw new DinoException($"'{path}': {info.Length} bytes, more than any image this reads ({MaxBytes}).");
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new DinoException($"'{path}': cannot be read: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }
}
