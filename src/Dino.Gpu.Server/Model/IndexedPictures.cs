using Dino.Gpu.Files;

namespace Dino.Gpu.Server.Model;

/// <summary>
/// Pictures of one folder that the index names. An id is a path below the folder, or from the working directory, as
/// <c>dino index</c> keeps it; wherever links lead, the file lies below the folder or is not given out.
/// </summary>
/// <param name="folder">The folder.</param>
internal sealed class IndexedPictures(string folder)
{
    private readonly string _root = new RealPath().Of(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar));

    /// <summary>A picture; null if there is none.</summary>
    /// <param name="id">An id that the index has.</param>
    /// <returns>The file, open; the caller disposes it.</returns>
    public IndexedPicture? Open(string id) => Find(id) is { } path ? IndexedPicture.Open(path) : null;

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
