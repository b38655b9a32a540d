namespace Dino.Gpu.Tests.ReadMe;

/// <summary>The pages that people read.</summary>
internal static class DocPages
{
    /// <summary>Written from the command line's definition; another test compares the two.</summary>
    public const string Generated = "docs/cli.md";

    /// <summary>The repository that the tests were built in; null where they run without it.</summary>
    public static string? Root { get; } = FindRoot();

    /// <summary>Every page but the generated one, by its path from the root.</summary>
    public static IReadOnlyList<string> Names { get; } = Root is null
        ? []
        : [.. new[] { "", "docs", "samples", "weights", "benchmarks/gpu" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(Root, folder), "*.md"))
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(name => name != Generated)
            .Order(StringComparer.Ordinal)];

    /// <summary>Every block of every page.</summary>
    public static IReadOnlyList<DocBlock> Blocks { get; } = [.. Names.SelectMany(name => DocBlock.Of(name, Lines(name)))];

    public static string[] Lines(string name) => File.ReadAllLines(Path.Combine(Root!, name));

    /// <summary>Skips a test where there are no pages.</summary>
    public static void Require() => Assert.SkipWhen(Root is null, "the repository is not around the tests");

    private static string? FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Dino.Gpu.sln")))
            folder = folder.Parent;
        return folder?.FullName;
    }
}
