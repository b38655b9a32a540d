using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>An argument that names nothing: most often a typing error, so the message suggests what is there.</summary>
internal static class MissingInput
{
    internal const string NoSuchFile = "no such file or folder";

    /// <summary>Names of a folder that are compared; a suggestion is not worth more time.</summary>
    private const int MostNames = 10_000;

    private const int LettersPerError = 4;

    /// <summary>Fails if an argument names no file and no folder. A link that leads nowhere is there.</summary>
    /// <exception cref="DinoException">There is nothing of that name.</exception>
    public static void Refuse(string input)
    {
        string path = Path.TrimEndingDirectorySeparator(input);
        if (RegularFile.IsMissing(path))
            throw new DinoException($"cannot read '{input}': {NoSuchFile}", Hint(path));
    }

    /// <summary>What the user may have meant by a folder that is not there; null where it is there, or nothing is like
    /// it.</summary>
    /// <param name="folder">With its separator; nothing for the current one.</param>
    public static string? FolderHint(string folder)
    {
        string path = Path.TrimEndingDirectorySeparator(folder);
        return path.Length > 0 && RegularFile.IsMissing(path) ? Hint(path) : null;
    }

    /// <summary>What the user may have meant; null where nothing is like it.</summary>
    private static string? Hint(string path)
    {
        if (path.Length == 0)
            return "is a variable of the shell unset?";
        if (path.Contains('\uFFFD', StringComparison.Ordinal))
            return "if its name is not valid UTF-8, rename it";
        return Suggestion(path) is { } name ? $"did you mean {name}?" : null;
    }

    /// <summary>The path with its first name that is not there replaced by the most similar one.</summary>
    private static string? Suggestion(string path)
    {
        string folder = Path.GetDirectoryName(path) ?? "";
        if (folder.Length > 0 && RegularFile.IsMissing(folder))
        {
            string? whole = Suggestion(folder) is { } other ? Path.Combine(other, Path.GetFileName(path)) : null;
            return Path.Exists(whole) ? whole : null;
        }

        string name = Path.GetFileName(path);
        try
        {
            string? best = Directory.EnumerateFileSystemEntries(folder.Length == 0 ? "." : folder)
                .Take(MostNames)
                .Select(entry => Path.GetFileName(entry))
                .Where(entry => Distance(name, entry) <= Allowed(name))
                .MinBy(entry => (Distance(name, entry), entry));
            return best is null ? null : Path.Combine(folder, best);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null; // a folder that cannot be listed
        }
    }

    /// <summary>Errors that a name of this length may have, and less than its stem has letters.</summary>
    private static int Allowed(string name) =>
        Math.Min(Math.Max(1, name.Length / LettersPerError), Math.Max(0, Path.GetFileNameWithoutExtension(name).Length - 1));

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
