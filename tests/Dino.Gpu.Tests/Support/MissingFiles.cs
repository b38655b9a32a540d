namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Names that lead nowhere as rows of a list. Named as an argument, such a file would end the command before it works.
/// </summary>
internal static class MissingFiles
{
    private static readonly Lazy<string> Folder = new(() =>
    {
        string folder = Directory.CreateTempSubdirectory("dino-lists-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    /// <summary>An argument for a list of these names.</summary>
    public static string List(params string[] names)
    {
        string path = Path.Combine(Folder.Value, $"{Guid.NewGuid():N}.txt");
        File.WriteAllLines(path, names);
        return "@" + path;
    }
}
