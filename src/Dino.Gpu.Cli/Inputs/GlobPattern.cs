namespace Dino.Gpu.Cli.Inputs;

/// <summary>
/// Globs for shells that do not expand them: <c>*</c> and <c>?</c> within one name, <c>**</c> for any depth of folders. Square
/// brackets stand for themselves; they are common in file names.
/// </summary>
internal static class GlobPattern
{
    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    public static bool IsPattern(string input) => input.AsSpan().ContainsAny('*', '?');

    /// <summary>Files that match. Without an extension in the pattern (<c>photos/*</c>) only images are taken.</summary>
    public static IEnumerable<string> Matches(string pattern)
    {
        // The part before the first wildcard is one folder as it stands, so that drive letters and roots need no thought.
        int cut = pattern.LastIndexOfAny(Separators, pattern.AsSpan().IndexOfAny('*', '?'));
        string start = pattern[..(cut + 1)];
        string[] segments = pattern[(cut + 1)..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);

        IEnumerable<string> files = Walk(start.Length == 0 ? "." : start, segments);
        if (!segments[^1].Contains('.', StringComparison.Ordinal))
            files = files.Where(file => ImageFileNames.IsImage(Path.GetFileName(file)));

        // A pattern without a folder gives names without one: "cat.jpg", not "./cat.jpg".
        if (start.Length == 0)
            files = files.Select(file => file[2..]);
        return files.Distinct(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Walk(string folder, ReadOnlyMemory<string> segments)
    {
        if (!Directory.Exists(folder))
            return [];

        string segment = segments.Span[0];
        ReadOnlyMemory<string> rest = segments[1..];
        if (rest.IsEmpty)
        {
            return segment == "**"
                ? FolderWalk.FoldersAndSelf(folder).SelectMany(inner => FolderWalk.Entries(inner, "*", folders: false))
                : FolderWalk.Entries(folder, segment, folders: false);
        }

        if (segment == "**")
            return FolderWalk.FoldersAndSelf(folder).SelectMany(inner => Walk(inner, rest));
        return IsPattern(segment)
            ? FolderWalk.Entries(folder, segment, folders: true).SelectMany(inner => Walk(inner, rest))
            : Walk(Path.Combine(folder, segment), rest);
    }
}
