namespace Dino.Gpu.Files;

/// <summary>Finds what a mistyped name was meant to be.</summary>
internal static class SimilarName
{
    private const int LettersPerError = 4;

    /// <summary>Names of a folder that are compared; a suggestion is not worth more time.</summary>
    private const int MostNames = 10_000;

    /// <summary>The most similar of some names; null where none is similar.</summary>
    public static string? Of(string name, IEnumerable<string> names) => names
        .Where(other => Distance(name, other) <= Allowed(name) || (SameStem(name, other) && Distance(name, other) == 1))
        .MinBy(other => (Distance(name, other), other));

    /// <summary>What to tell about a path that is not there; null where nothing is like it.</summary>
    public static string? Hint(string path) => OfPath(path) is { } name ? $"did you mean {name}?" : null;

    /// <inheritdoc cref="Hint"/>
    /// <remarks>Null where the path is there: then something else is wrong with it.</remarks>
    public static string? HintIfMissing(string path) => RegularFile.IsMissing(path) ? Hint(path) : null;

    /// <summary>
    /// A path with its first name that is not there replaced by the most similar one; null where nothing is like it.
    /// </summary>
    public static string? OfPath(string path)
    {
        path = Path.TrimEndingDirectorySeparator(path);
        string folder = Path.GetDirectoryName(path) ?? "";
        if (folder.Length > 0 && RegularFile.IsMissing(folder))
        {
            string? whole = OfPath(folder) is { } other ? Path.Combine(other, Path.GetFileName(path)) : null;
            return Path.Exists(whole) ? whole : null;
        }

        string name = Path.GetFileName(path);
        try
        {
            IEnumerable<string> entries = Directory.EnumerateFileSystemEntries(folder.Length == 0 ? "." : folder)
                .Take(MostNames)
                .Select(entry => Path.GetFileName(entry));
            return Of(name, entries) is { } best ? Path.Combine(folder, best) : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null; // a folder that cannot be listed, or no path
        }
    }

    /// <summary>Errors that a name of this length may have, and less than its stem has letters.</summary>
    private static int Allowed(string name) =>
        Math.Min(Math.Max(1, name.Length / LettersPerError), Math.Max(0, Path.GetFileNameWithoutExtension(name).Length - 1));

    /// <summary>Whether only the extensions differ.</summary>
    private static bool SameStem(string a, string b) =>
        Path.GetExtension(a).Length > 1
        && string.Equals(Path.GetFileNameWithoutExtension(a), Path.GetFileNameWithoutExtension(b), StringComparison.OrdinalIgnoreCase);

    /// <summary>Letters to add, drop, replace or swap with the next, where upper and lower case are the same.</summary>
    private static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    rows[i, j] = i + j;
                    continue;
                }

                int change = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1, rows[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
            }
        }

        return rows[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);
}
