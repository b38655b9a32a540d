namespace Dino.Gpu.Data.Inputs;

/// <summary>Which files of a folder are taken for images. A file that is named directly is always tried, whatever it is called.</summary>
internal static class ImageFileNames
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp",
        // Pictures that are not read: rows that fail, or nobody would miss them in an archive.
        ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".ppm", ".pgm",
    };

    public static bool IsImage(ReadOnlySpan<char> fileName) =>
        Extensions.GetAlternateLookup<ReadOnlySpan<char>>().Contains(Path.GetExtension(fileName));

    /// <summary>Hidden files and folders are left out: <c>.thumbnails</c>, and the <c>._photo.jpg</c> twins that macOS writes.</summary>
    public static bool IsHidden(ReadOnlySpan<char> fileName) => fileName.StartsWith('.');
}
