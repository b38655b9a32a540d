using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Inputs;

/// <summary>One row of the input list.</summary>
/// <param name="Path">The image, as the user named it; the member's name for an image in an archive.</param>
/// <param name="Columns">The carried columns' values, in the order of the list's columns: string, long, double, bool or
/// null.</param>
internal sealed record InputItem(string Path, IReadOnlyList<object?> Columns)
{
    /// <summary>The tar file that holds the image, or null where <see cref="Path"/> is a file itself.</summary>
    public string? Archive { get; init; }

    /// <summary>Where the image starts in <see cref="Archive"/>, in bytes.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes of the image in <see cref="Archive"/>.</summary>
    public long Length { get; init; }

    /// <summary>Why the image cannot be read, where that is known already, such as a link in an archive; else
    /// null.</summary>
    public string? Problem { get; init; }

    /// <summary>By which orientation of EXIF, 1 (none) to 8, the picture is turned after it is upright.</summary>
    public int Turn { get; init; } = 1;

    /// <summary>
    /// The file as it was when the list was saved in a run's folder; null where that is not known.
    /// </summary>
    public FileState? State { get; init; }

    /// <summary>An image file and nothing carried.</summary>
    public static InputItem File(string path) => new(path, []);

    /// <summary>All bytes of the image file, in bounded time and memory whatever the path leads to.
    /// Thread-safe.</summary>
    /// <exception cref="DinoException">
    /// It cannot be read. The message gives the reason only, not <see cref="Path"/>.
    /// </exception>
    /// <exception cref="SystemReadException">The system failed in several tries, whatever the file is.</exception>
    public byte[] ReadBytes()
    {
        if (Problem is not null)
            throw new DinoException(Problem);
        if (Archive is null)
        {
            UrlInput.RefuseRow(Path);
            return ImageFile.ReadBytes(Path);
        }

        try
        {
            return ImageFile.ReadBytes(Archive, Offset, Length);
        }
        catch (SystemReadException failure)
        {
            throw new SystemReadException($"archive {Archive}: {failure.Message}", failure);
        }
        catch (DinoException failure)
        {
            throw failure.WithMessage($"archive {Archive}: {failure.Message}");
        }
    }
}
