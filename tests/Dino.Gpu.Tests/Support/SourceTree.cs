namespace Dino.Gpu.Tests.Support;

/// <summary>The repository that the tests were built in.</summary>
internal static class SourceTree
{
    /// <summary>Its folder; null where the tests run without it.</summary>
    public static string? Root { get; } = FindRoot();

    /// <summary>Skips the test where the tests run without the repository.</summary>
    public static void Require() => Assert.SkipWhen(Root is null, "the repository is not around the tests");

    /// <summary>A file or folder of the repository, which must be there; skips the test where there is no repository.</summary>
    /// <param name="parts">From the root.</param>
    public static string Find(params string[] parts)
    {
        Require();
        string path = Path.Combine([Root!, .. parts]);
        Assert.True(Path.Exists(path), $"{path} is gone: name its new place here");
        return path;
    }

    private static string? FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Dino.Gpu.sln")))
            folder = folder.Parent;
        return folder?.FullName;
    }
}
