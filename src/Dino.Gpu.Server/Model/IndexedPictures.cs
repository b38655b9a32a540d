using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Server.Model;

/// <summary>
/// Pictures of one folder that the index names. An id is a path below the folder, or from the working directory, as
/// <c>dino index</c> keeps it; wherever links lead, the file lies below the folder or is not given out.
/// </summary>
/// <param name="folder">The folder.</param>
internal sealed class IndexedPictures(string folder)
{
    private readonly string _root = new RealPath().Of(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar));

    /// <summary>The bytes of a picture, with its media type; null if there is none.</summary>
    /// <param name="id">An id that the index has.</param>
    public (byte[] File, string Type)? Read(string id)
    {
        if (Find(id) is not { } path)
            return null;
        try
        {
            byte[] file = ImageFile.ReadBytes(path);
            string? type = ImageHeader.FormatOf(file) switch
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
            return type is null ? null : (file, type);
        }
        catch (DinoException)
        {
            return null;
        }
    }

    private string? Find(string id)
    {
        if (id.Length == 0 || id.Contains('\0'))
            return null;
        foreach (string start in (string[])[_root, Environment.CurrentDirectory])
        {
            string real = new RealPath().Of(Path.Combine(start, id));
            if (real.StartsWith(_root + Path.DirectorySeparatorChar, PathComparison) && File.Exists(real))
                return real;
        }

        return null;
    }

    private static StringComparison PathComparison { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
}
