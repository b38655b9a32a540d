namespace Dino.Gpu.Tests.Support;

/// <summary>The repository that the tests were built in.</summary>
internal static class SourceTree
{
    /// <summary>A file or folder of the repository; skips the test where the tests run without it.</summary>
    /// <param name="parts">From the root.</param>
    public static string Find(params string[] parts)
    {
        string relative = Path.Combine(parts);
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, relative);
            if (Path.Exists(path))
                return path;
        }

        Assert.Skip($"{relative} is not beside the tests");
        return "";
    }
}
