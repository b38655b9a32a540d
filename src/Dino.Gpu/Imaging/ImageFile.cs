using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Imaging;

/// <summary>Reads pictures from files, with every failure as one line.</summary>
internal static class ImageFile
{
    /// <summary>
    /// Largest file that is read, 1 GiB. A picture of <see cref="ImageHeader.MaxPixels"/> is 716 MB as an uncompressed
    /// 32-bit bitmap. Larger files are videos or disk images in the wrong folder, and several threads read at a time.
    /// </summary>
    public const long MaxLength = 1L << 30;

    /// <summary>Reads and decodes one file. Thread-safe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="decoder">What decodes it.</param>
    /// <param name="orientation">Whether the EXIF orientation is applied.</param>
    /// <exception cref="DinoException">
    /// There is no such file, it cannot be read, or the decoder refuses it. The message begins with the path.
    /// </exception>
    public static RgbImage Decode(string path, IImageDecoder decoder, ExifOrientation orientation)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(decoder);
        return Named(path, () => decoder.Decode(ReadBytes(path), orientation));
    }

    /// <summary>Reads and decodes one file and does something to the picture. Failures of both name the path.</summary>
    internal static RgbImage Decode(string path, IImageDecoder decoder, ExifOrientation orientation, Func<RgbImage, RgbImage> then)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(decoder);
        return Named(path, () => then(decoder.Decode(ReadBytes(path), orientation)));
    }

    /// <summary>All bytes of a file, in bounded time and memory whatever the path leads to. Thread-safe.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DinoException">
    /// Not a regular file that can be read, or longer than <see cref="MaxLength"/>. The message gives the reason, not
    /// the path.
    /// </exception>
    /// <exception cref="SystemReadException">The system failed in several tries, whatever the file is.</exception>
    public static byte[] ReadBytes(string path) => SystemReadException.Retry(() =>
    {
        using SafeFileHandle file = RegularFile.Open(path);
        return Read(file, 0, Length(file));
    });

    /// <summary>A part of a file, such as a member of an archive. Thread-safe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="DinoException">
    /// As for <see cref="ReadBytes(string)"/>, or the file ends before the part does.
    /// </exception>
    public static byte[] ReadBytes(string path, long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return SystemReadException.Retry(() =>
        {
            using SafeFileHandle file = RegularFile.Open(path);
            if (offset > Length(file) - length)
                throw ImageException.Truncated($"ends after {Length(file)} bytes, expected {length} bytes from {offset} on");
            return Read(file, offset, length);
        });
    }

    private static byte[] Read(SafeFileHandle file, long offset, long length)
    {
        if (length > MaxLength)
            throw ImageException.TooLarge($"too large for an image file: {length} bytes, the limit is {MaxLength}");
        try
        {
            byte[] bytes = GC.AllocateUninitializedArray<byte>((int)length);
            for (int done = 0; done < bytes.Length;)
            {
                int read = RandomAccess.Read(file, bytes.AsSpan(done), offset + done);
                if (read == 0)
                    throw ImageException.Truncated($"became shorter while it was read: {done} of {length} bytes");
                done += read;
            }

            return bytes;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RegularFile.Failed(failure);
        }
    }

    private static long Length(SafeFileHandle file)
    {
        try
        {
            return RandomAccess.GetLength(file);
        }
        catch (IOException failure)
        {
            throw RegularFile.Failed(failure);
        }
    }

    /// <summary>Makes the message of a failure begin with the path.</summary>
    internal static RgbImage Named(string path, Func<RgbImage> read)
    {
        try
        {
            return read();
        }
        catch (DinoException failure)
        {
            string message = $"{path}: {failure.Message}";
            throw failure is ImageException
                ? failure.WithMessage(message)
                : new ImageException(ImageFailureReason.Unreadable, message, failure.Hint, failure);
        }
    }
}
