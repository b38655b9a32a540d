namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Globs for shells that do not expand them: <c>*</c> and <c>?</c> within one name, <c>**</c> for any depth of folders.
/// Square
/// brackets stand for themselves; they are common in file names.
/// </summary>
internal static class GlobPattern
{
    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    public static bool IsPattern(string input) => input.AsSpan().ContainsAny('*', '?');

    /// <summary>Files that match, in the byte order of their paths. Without an extension in the pattern
    /// (<c>photos/*</c>) only images are taken.</summary>
    /// <exception cref="DinoException">The folder before the first wildcard cannot be listed.</exception>
    public static IEnumerable<InputItem> Matches(string pattern)
    {
        // The part before the first wildcard is one folder as it stands, so that drive letters and roots need no
        // thought.
        int cut = pattern.LastIndexOfAny(Separators, pattern.AsSpan().IndexOfAny('*', '?'));
        string[] segments = pattern[(cut + 1)..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        return new FolderWalk(segments, imagesOnly: !segments[^1].Contains('.', StringComparison.Ordinal)).Files(pattern[..(cut + 1)]);
    }
}
