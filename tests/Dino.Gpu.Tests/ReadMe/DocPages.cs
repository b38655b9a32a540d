using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>The pages that people read.</summary>
internal static class DocPages
{
    /// <summary>Written from the command line's definition; another test compares the two.</summary>
    public const string Generated = "docs/cli.md";

    /// <summary>Every page but the generated one, by its path from the root.</summary>
    public static IReadOnlyList<string> Names { get; } = SourceTree.Root is not { } root
        ? []
        : [.. new[] { "", "docs", "samples", "weights", "benchmarks/gpu" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(root, folder), "*.md"))
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(name => name != Generated)
            .Order(StringComparer.Ordinal)];

    /// <summary>Every block of every page.</summary>
    public static IReadOnlyList<DocBlock> Blocks { get; } = [.. Names.SelectMany(name => DocBlock.Of(name, Lines(name)))];

    public static string[] Lines(string name) => File.ReadAllLines(Path.Combine(SourceTree.Root!, name));
}
