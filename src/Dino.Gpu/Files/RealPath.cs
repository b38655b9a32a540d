namespace Dino.Gpu.Files;

/// <summary>
/// Which file a path leads to, through links to files and to folders, so that two names of one file compare equal.
/// Remembers the folders that it has seen.
/// </summary>
internal sealed class RealPath
{
    /// <summary>Links that one path may lead through; more are taken for a circle, as by the systems.</summary>
    private const int MostLinks = 40;

    private readonly Dictionary<string, string> _folders = new(StringComparer.Ordinal);

    /// <summary>Compares what <see cref="Of"/> returns, as this system's file names are compared.</summary>
    public static StringComparer Comparer { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The full path without links. What is no path, or leads in a circle, stays as it is.</summary>
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

    /// <summary>Goes name by name, since what ".." is above a link is only known where the link leads.</summary>
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
