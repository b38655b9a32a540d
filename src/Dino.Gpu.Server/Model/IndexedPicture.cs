using Dino.Gpu.Files;
using Dino.Gpu.Imaging;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Server.Model;

/// <summary>A picture's file that is open, to be sent without ever being in memory as a whole.</summary>
internal sealed class IndexedPicture : IDisposable
{
    private const int StartLength = 64; // enough to tell its format
    private const int BufferLength = 64 << 10;

    private readonly SafeFileHandle _file;

    private IndexedPicture(SafeFileHandle file, long length, string type)
    {
        _file = file;
        Length = length;
        Type = type;
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>The media type, by the file's beginning.</summary>
    public string Type { get; }

    /// <summary>Opens a file; null if it is no picture, or cannot be read.</summary>
    public static IndexedPicture? Open(string path)
    {
        SafeFileHandle? file = null;
        try
        {
            file = RegularFile.Open(path);
            long length = RandomAccess.GetLength(file);
            Span<byte> start = stackalloc byte[StartLength];
            if (length <= ImageFile.MaxLength && TypeOf(start[..RandomAccess.Read(file, start, 0)]) is { } type)
            {
                var picture = new IndexedPicture(file, length, type);
                file = null;
                return picture;
            }

            return null;
        }
        catch (Exception failure) when (failure is DinoException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Sends <see cref="Length"/> bytes.</summary>
    /// <exception cref="IOException">The file cannot be read, or has become shorter.</exception>
    public async Task CopyToAsync(Stream stream, CancellationToken cancellation)
    {
        byte[] buffer = new byte[Math.Min(Length, BufferLength)];
        for (long sent = 0; sent < Length;)
        {
            Memory<byte> part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, Length - sent));
            int read = await RandomAccess.ReadAsync(_file, part, sent, cancellation).ConfigureAwait(false);
            if (read == 0)
                throw new IOException("The file became shorter while it was sent.");
            await stream.WriteAsync(part[..read], cancellation).ConfigureAwait(false);
            sent += read;
        }
    }

    public void Dispose() => _file.Dispose();

    private static string? TypeOf(ReadOnlySpan<byte> start) => ImageHeader.FormatOf(start) switch
    {
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.Png => "image/png",
        ImageFormat.WebP => "image/webp",
        ImageFormat.Bmp => "image/bmp",
        ImageFormat.Gif => "image/gif",
        ImageFormat.Tiff => "image/tiff",
        ImageFormat.Ico => "image/x-icon",
        _ => null,
    };
}
