using System.IO.Enumeration;

namespace Dino.Gpu.Cli.Inputs;

/// <summary>Folder contents without surprises: hidden entries are skipped, and links to folders are not followed, so there are no cycles.</summary>
internal static class FolderWalk
{
    private static readonly EnumerationOptions Everything = new()
    {
        AttributesToSkip = 0,
        IgnoreInaccessible = false,
        RecurseSubdirectories = true,
    };

    /// <summary>Every image below a folder, at any depth.</summary>
    public static IEnumerable<string> Images(string folder) =>
        new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(), Everything)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) =>
                !entry.IsDirectory && !ImageFileNames.IsHidden(entry.FileName) && ImageFileNames.IsImage(entry.FileName),
            ShouldRecursePredicate = IsPlainFolder,
        };

    /// <summary>The folder itself and every folder below it.</summary>
    public static IEnumerable<string> FoldersAndSelf(string folder) =>
        new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(), Everything)
        {
            ShouldIncludePredicate = IsPlainFolder,
            ShouldRecursePredicate = IsPlainFolder,
        }.Prepend(folder);

    /// <summary>Entries of one folder whose name matches a pattern of <c>*</c> and <c>?</c>.</summary>
    public static IEnumerable<string> Entries(string folder, string pattern, bool folders) =>
        new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(), new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false })
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) =>
                entry.IsDirectory == folders
                && (!ImageFileNames.IsHidden(entry.FileName) || pattern.StartsWith('.'))
                && FileSystemName.MatchesSimpleExpression(pattern, entry.FileName, ignoreCase: OperatingSystem.IsWindows()),
        };

    private static bool IsPlainFolder(ref FileSystemEntry entry) =>
        entry.IsDirectory && !ImageFileNames.IsHidden(entry.FileName) && !entry.Attributes.HasFlag(FileAttributes.ReparsePoint);
}
