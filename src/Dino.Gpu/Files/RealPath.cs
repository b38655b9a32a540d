namespace Dino.Gpu.Files;

/// <summary>
/// Follows links to files and to folders, so that two names of one file compare equal. Remembers the folders that it
/// has resolved.
/// </summary>
internal sealed class RealPath
{
    /// <summary>The most links that one path may lead through. More count as a circle, as in Linux.</summary>
    private const int MostLinks = 40;

    private readonly Dictionary<string, string> _folders = new(StringComparer.Ordinal);

    /// <summary>Compares results of <see cref="Of"/> as this system compares file names.</summary>
    public static StringComparer Comparer { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>
    /// Returns the full path without links. Returns the path unchanged if it is invalid or leads in a circle.
    /// </summary>
    public string Of(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            if (Path.GetDirectoryName(full) is not { } folder)
                return full;
            if (!_folders.TryGetValue(folder, out string? real))
                _folders.Add(folder, real = Resolve(folder));
            string file = Path.Combine(real, Path.GetFileName(full));
            return new FileInfo(file).LinkTarget is null ? file : Resolve(file);
        }
        catch (Exception failure) when (failure is ArgumentException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return path;
        }
    }

    /// <summary>Resolves the path name by name: what ".." means after a link depends on where the link leads.</summary>
    private static string Resolve(string full)
    {
        string place = Path.GetPathRoot(full)!;
        var rest = new Stack<string>();
        Push(full[place.Length..]);
        for (int links = 0; rest.TryPop(out string? name);)
        {
            if (name == "..")
            {
                place = Path.GetDirectoryName(place) ?? place;
                continue;
            }

            string next = Path.Combine(place, name);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                place = next;
                continue;
            }

            if (++links > MostLinks)
                return full;
            if (Path.IsPathRooted(target))
                place = Path.GetPathRoot(Path.Combine(place, target))!;
            Push(target[Path.GetPathRoot(target)!.Length..]);
        }

        return place;

        void Push(string names)
        {
            char[] separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
            foreach (string name in names.Split(separators, StringSplitOptions.RemoveEmptyEntries).Where(name => name != ".").Reverse())
                rest.Push(name);
        }
    }
}
