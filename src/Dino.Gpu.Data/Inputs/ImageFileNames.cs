namespace Dino.Gpu.Data.Inputs;

/// <summary>Which files of a folder are taken for images. A file that is named directly is always tried, whatever it is
/// called.</summary>
internal static class ImageFileNames
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjp", ".pjpeg", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp",
        // Pictures that are not read: rows that fail, or nobody would miss them in an archive.
        ".tif", ".tiff", ".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs", ".avci", ".jxl", ".jxr", ".wdp", ".hdp",
        ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jpm", ".jph", ".jls", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm",
        ".psd", ".psb", ".xcf", ".kra", ".svg", ".svgz", ".eps", ".ico", ".cur", ".icns", ".tga", ".exr", ".hdr", ".qoi", ".pcx", ".dds",
        ".bpg", ".flif", ".wbmp", ".xbm", ".xpm", ".ras", ".sgi", ".emf", ".wmf", ".dcm", ".fits",
        ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".srw", ".orf", ".raf", ".rw2", ".rwl", ".pef", ".x3f",
        ".3fr", ".fff", ".iiq", ".erf", ".kdc", ".dcr", ".mef", ".mos", ".mrw", ".gpr",
    };

    public static bool IsImage(ReadOnlySpan<char> fileName) =>
        Extensions.GetAlternateLookup<ReadOnlySpan<char>>().Contains(Path.GetExtension(fileName));

    /// <summary>Hidden files and folders are left out: <c>.thumbnails</c>, and the <c>._photo.jpg</c> twins that macOS
    /// writes.</summary>
    public static bool IsHidden(ReadOnlySpan<char> fileName) => fileName.StartsWith('.');
}
