using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>A fenced block of code of a page.</summary>
/// <param name="Page">The page's path from the repository's root.</param>
/// <param name="Line">Number of the fence's line, from 1.</param>
/// <param name="Language">What the fence says, such as <c>sh</c>; empty for none.</param>
/// <param name="Text">The lines between the fences.</param>
/// <param name="Marker">The HTML comment above the block, such as <c>not run: needs Slurm</c>; null for none.</param>
internal sealed partial record DocBlock(string Page, int Line, string Language, string Text, string? Marker)
{
    /// <summary>Begins the comment above a block that no test runs; the reason follows.</summary>
    public const string NotRun = "not run: ";

    /// <summary>Begins the comment above a C# block that is compiled only; the reason follows.</summary>
    public const string CompiledOnly = "compiled only: ";

    /// <summary>Where it is, for messages.</summary>
    public string Place => $"{Page}:{Line}";

    public bool IsShell => Language is "sh" or "bash";

    public bool IsCSharp => Language is "csharp";

    public bool IsRun => !Has(NotRun) && !Has(CompiledOnly);

    public bool IsCompiled => !Has(NotRun);

    /// <summary>The files and folders that the block's options name as results, where they are plain words.</summary>
    public IEnumerable<string> Results =>
        ResultOption().Matches(Text).Select(match => match.Groups[1].Value).Where(name => !name.Contains('$', StringComparison.Ordinal));

    /// <summary>Takes the blocks out of a page.</summary>
    /// <exception cref="InvalidDataException">A fence is not closed.</exception>
    public static List<DocBlock> Of(string page, string[] lines)
    {
        var blocks = new List<DocBlock>();
        string above = "";
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (!line.StartsWith("```", StringComparison.Ordinal))
            {
                above = line.Length > 0 ? line : above;
                continue;
            }

            int end = Array.FindIndex(lines, i + 1, text => text.Trim() == "```");
            if (end < 0)
                throw new InvalidDataException($"{page}:{i + 1}: the block has no end");
            Match comment = Comment().Match(above);
            blocks.Add(new DocBlock(
                page, i + 1, line[3..].Trim(), string.Join('\n', lines[(i + 1)..end]), comment.Success ? comment.Groups[1].Value : null));
            i = end;
            above = "";
        }

        return blocks;
    }

    private bool Has(string marker) => Marker?.StartsWith(marker, StringComparison.Ordinal) == true;

    [GeneratedRegex(@"^<!-- (.+) -->$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?<=\s)(?:-o|--out|--html|--predictions|--confusion|--save|--stats) +([\w./-]+)")]
    private static partial Regex ResultOption();
}
