using System.Diagnostics;
using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Layering;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>
/// The form of the pages: blocks say why they are not run, links lead somewhere, lines and the README are not too long.
/// </summary>
public sealed partial class DocPageTests
{
    private const int LongestReadMe = 120;
    private const int LongestLine = 120;

    /// <summary>Written with the kernels, whose figures it has.</summary>
    private const string Wide = "docs/gpu.md";

    [Fact]
    public void Blocks_are_found_with_their_markers()
    {
        List<DocBlock> blocks = DocBlock.Of("page.md",
        [
            "text", "<!-- not run: needs Slurm -->", "", "```sh", "sbatch x -o out", "```",
            "```csharp", "int a;", "```",
            "<!-- compiled only: no GPU -->", "```csharp", "```",
        ]);
        Assert.Equal([4, 7, 11], blocks.Select(block => block.Line));
        Assert.Equal(["sh", "csharp", "csharp"], blocks.Select(block => block.Language));
        Assert.Equal([false, true, false], blocks.Select(block => block.IsRun));
        Assert.Equal([false, true, true], blocks.Select(block => block.IsCompiled));
        Assert.Equal("sbatch x -o out", blocks[0].Text);
        Assert.Equal(["out"], blocks[0].Results);
        Assert.Throws<InvalidDataException>(() => DocBlock.Of("page.md", ["```sh", "true"]));
    }

    /// <summary>A comment that is misspelled would make a block run that must not.</summary>
    [Fact]
    public void Markers_are_known_and_have_a_reason()
    {
        SourceTree.Require();
        Assert.All(DocPages.Blocks, block => Assert.True(
            block.Marker is null || ReasonGiven().IsMatch(block.Marker), $"{block.Place}: unknown comment '{block.Marker}'"));
    }

    /// <summary>A shell block under another name would not be run.</summary>
    [Fact]
    public void Blocks_name_their_language()
    {
        SourceTree.Require();
        string[] known = ["sh", "csharp", "text", "yaml", "dockerfile", "python", "json", "xml", "diff"];
        Assert.All(DocPages.Blocks, block => Assert.True(
            known.Contains(block.Language), $"{block.Place}: unknown language '{block.Language}'"));
    }

    [Fact]
    public void Read_me_is_short()
    {
        SourceTree.Require();
        Assert.InRange(DocPages.Lines("README.md").Length, 1, LongestReadMe);
    }

    /// <summary>Tables, blocks of code and links that stand alone may be wider.</summary>
    [Fact]
    public void Prose_is_at_most_120_columns_wide()
    {
        SourceTree.Require();
        Assert.Empty(DocPages.Names.Where(page => page != Wide).SelectMany(page => ProseOf(page)
            .Where(line => line.Text.Length > LongestLine && !line.Text.StartsWith('|') && !line.Text.StartsWith('!'))
            .Select(line => $"{page}:{line.Number} has {line.Text.Length} columns")));
    }

    /// <summary>A clone is clean after the first steps.</summary>
    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/quickstart.md")]
    public async Task Git_ignores_what_the_first_commands_write(string page)
    {
        SourceTree.Require();
        Assert.SkipUnless(Path.Exists(Path.Combine(SourceTree.Root!, ".git")), "no git");
        string[] results =
            [.. DocPages.Blocks.Where(block => block.Page == page && block.IsShell).SelectMany(block => block.Results).Distinct()];
        Assert.NotEmpty(results);
        foreach (string result in results)
        {
            // A folder is ignored as such, with a slash at its end.
            string name = Path.HasExtension(result) ? result : result.TrimEnd('/') + '/';
            var start = new ProcessStartInfo("git", ["check-ignore", "--quiet", "--no-index", name])
            {
                WorkingDirectory = SourceTree.Root!,
            };
            using Process git = Process.Start(start)!;
            await git.WaitForExitAsync();
            Assert.True(git.ExitCode == 0, $"git does not ignore {result} of {page}");
        }
    }

    [Fact]
    public void Contributing_lists_the_layers_that_are_enforced()
    {
        SourceTree.Require();
        DocBlock list = DocPages.Blocks.Single(block => block is { Page: "CONTRIBUTING.md", Language: "text" });
        Assert.Equal(Layers.Order.Select(names => string.Join(" | ", names)), list.Text.Split('\n'));
    }

    [Fact]
    public void Links_between_pages_lead_to_files_and_headings()
    {
        SourceTree.Require();
        var broken = new List<string>();
        foreach (string page in DocPages.Names)
        {
            foreach ((int number, string text) in ProseOf(page))
            {
                foreach (Match link in Link().Matches(text))
                {
                    string target = link.Groups[1].Value;
                    if (!target.Contains("://", StringComparison.Ordinal) && !IsThere(page, target))
                        broken.Add($"{page}:{number}: {target}");
                }
            }
        }

        Assert.Empty(broken);
    }

    private static bool IsThere(string page, string target)
    {
        string[] parts = target.Split('#');
        string file = parts[0].Length == 0
            ? Path.Combine(SourceTree.Root!, page)
            : Path.GetFullPath(Path.Combine(SourceTree.Root!, Path.GetDirectoryName(page)!, parts[0]));
        if (file == Path.GetFullPath(Path.Combine(SourceTree.Root!, DocPages.Generated)))
            return true;
        if (!Path.Exists(file))
            return false;
        return parts.Length == 1 || File.ReadLines(file).Any(line => line.StartsWith('#') && Anchor(line) == parts[1]);
    }

    /// <summary>GitHub's rule for headings of plain words.</summary>
    private static string Anchor(string heading)
    {
        IEnumerable<char> kept = heading.TrimStart('#').Trim().ToLowerInvariant().Where(
            c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_');
        return string.Concat(kept).Replace(' ', '-');
    }

    /// <summary>The lines of a page outside its blocks.</summary>
    private static IEnumerable<(int Number, string Text)> ProseOf(string page)
    {
        string[] lines = DocPages.Lines(page);
        bool inBlock = false;
        for (int i = 0; i < lines.Length; i++)
        {
            bool fence = lines[i].TrimStart().StartsWith("```", StringComparison.Ordinal);
            inBlock ^= fence;
            if (!inBlock && !fence)
                yield return (i + 1, lines[i]);
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^(not run|compiled only): .{5,}$")]
    private static partial Regex ReasonGiven();
}
