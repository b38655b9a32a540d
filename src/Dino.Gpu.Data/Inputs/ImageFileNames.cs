namespace Dino.Gpu.Data.Inputs;

/// <summary>Which files of a folder are taken for images. A file that is named directly is always tried, whatever it is
/// called.</summary>
internal static class ImageFileNames
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjp", ".pjpeg", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp",
        // Pictures that are not read: rows that fail, or nobody would miss them in an archive.
        ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".jxl", ".jxr", ".jp2", ".j2k", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm",
        ".psd", ".svg", ".ico", ".tga", ".exr", ".hdr", ".qoi", ".pcx",
        ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2",
    };

    public static bool IsImage(ReadOnlySpan<char> fileName) =>
        Extensions.GetAlternateLookup<ReadOnlySpan<char>>().Contains(Path.GetExtension(fileName));

    /// <summary>Hidden files and folders are left out: <c>.thumbnails</c>, and the <c>._photo.jpg</c> twins that macOS
    /// writes.</summary>
    public static bool IsHidden(ReadOnlySpan<char> fileName) => fileName.StartsWith('.');
}
