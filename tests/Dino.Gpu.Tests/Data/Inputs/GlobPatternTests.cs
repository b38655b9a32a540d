using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

/// <summary>Sets in brackets, choices in braces, and what is said where nothing matches.</summary>
public sealed class GlobPatternTests : IDisposable
{
    private static readonly string[] Names =
        ["a1.jpg", "a2.jpg", "b1.JPG", "b2.png", "c[1].jpg", "d{x}.png", "notes.txt", "s1/e.jpg", "s2/f.png", "-.png", "^.png", "].png"];

    private readonly TemporaryFolder _folder = new();

    public GlobPatternTests()
    {
        foreach (string name in Names)
            _folder.Write(name, []);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("[ab]1.*", "a1.jpg", "b1.JPG")]
    [InlineData("[a-b]*.jpg", "a1.jpg", "a2.jpg")]
    [InlineData("[!a]*.jpg", "c[1].jpg")]
    [InlineData("[^a-c]*.png", "-.png", "].png", "^.png", "d{x}.png")]
    [InlineData("[]].png", "].png")]
    [InlineData("[a-].png", "-.png")]
    [InlineData("[!]^].png", "-.png")]
    [InlineData("?[0-9].jpg", "a1.jpg", "a2.jpg")]
    [InlineData("c[1]*.jpg", "c[1].jpg")] // a bracket stands for itself, too
    [InlineData("c[[]1].jpg", "c[1].jpg")]
    [InlineData("s[12]/*.{jpg,png}", "s1/e.jpg", "s2/f.png")]
    [InlineData("*.{png,jpg}", "-.png", "].png", "^.png", "a1.jpg", "a2.jpg", "b2.png", "c[1].jpg", "d{x}.png")] // sorted as one
    [InlineData("{a*,*1}.jpg", "a1.jpg", "a2.jpg")] // each once
    [InlineData("{a,b{1,2}}*.*", "a1.jpg", "a2.jpg", "b1.JPG", "b2.png")]
    [InlineData("**/{e,f}.*", "s1/e.jpg", "s2/f.png")]
    [InlineData("{s2,s1}/*", "s1/e.jpg", "s2/f.png")]
    [InlineData("{b2,a1}.{png,jpg}x*", new string[0])]
    [InlineData("d{x}.*", "d{x}.png")] // without a comma braces stand for themselves
    public void Is_expanded(string pattern, params string[] expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "letter case does not count there");
        if (expected.Length == 0)
            Assert.Contains("no image matches", Fails(pattern).Message);
        else
            Assert.Equal(expected.Select(name => _folder.Path(name)), Settle(_folder.Path(pattern)));
    }

    /// <summary>
    /// Braces without a wildcard are names, as a shell makes them: each must be there, in the order given.
    /// </summary>
    [Fact]
    public void Braces_alone_are_names()
    {
        Assert.Equal([_folder.Path("b2.png"), _folder.Path("a1.jpg")], Settle(_folder.Path("{b2.png,a1.jpg}")));
        Assert.Equal([_folder.Path("s2", "f.png"), _folder.Path("s1", "e.jpg")], Settle(_folder.Path("{s2,s1}")));
        Assert.Contains(MissingInput.NoSuchFile, Fails("{a1,zz9}.jpg").Message);
        Assert.Contains("more than 1024 patterns", Fails(string.Concat(Enumerable.Repeat("{a,b}", 12)) + "*").Message);
    }

    [Theory]
    [InlineData("*.JPEG", null)]
    [InlineData("A?.jpg", "letter case counts: {0}a1.jpg is there")]
    [InlineData("[A-B]2.*", "letter case counts: {0}a2.jpg is there")]
    [InlineData("S1/*.jpg", "did you mean {0}s1?")]
    [InlineData("s?/E.*", "letter case counts: {0}s1/e.jpg is there")]
    [InlineData("*.{JPEG,PNG}", "letter case counts: {0}-.png is there")]
    public void Without_a_match_letter_case_is_hinted_at(string pattern, string? hint)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "letter case does not count elsewhere");
        DinoException failure = Fails(pattern);
        Assert.Contains("no image matches", failure.Message);
        Assert.Equal(hint?.Replace("{0}", _folder.Root + "/", StringComparison.Ordinal), failure.Hint);
    }

    /// <summary>Random patterns and names against a plain recursive matcher.</summary>
    [Fact]
    public void Matching_agrees_with_its_definition()
    {
        var random = new Random(7);
        const string Letters = "ab[]!-*?";
        int matches = 0;
        for (int round = 0; round < 200_000; round++)
        {
            string pattern = Text(random.Next(1, 8)), name = Text(random.Next(1, 6)).Replace("*", "c").Replace("?", "d");
            bool expected = Matches(pattern, name) || MatchesLiterally(pattern, name);
            bool found = GlobPattern.IsMatch(pattern, name, ignoreCase: false);
            Assert.True(expected == found, $"'{pattern}' and '{name}': expected {expected}");
            matches += expected ? 1 : 0;
        }

        Assert.InRange(matches, 1000, 100_000);

        string Text(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => Letters[random.Next(Letters.Length)]));
    }

    private static bool MatchesLiterally(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name) =>
        pattern.IsEmpty ? name.IsEmpty
        : pattern[0] == '*' ? MatchesLiterally(pattern[1..], name) || (!name.IsEmpty && MatchesLiterally(pattern, name[1..]))
        : !name.IsEmpty && (pattern[0] == '?' || pattern[0] == name[0]) && MatchesLiterally(pattern[1..], name[1..]);

    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        if (pattern.IsEmpty)
            return name.IsEmpty;
        if (pattern[0] == '*')
            return Matches(pattern[1..], name) || (!name.IsEmpty && Matches(pattern, name[1..]));
        if (name.IsEmpty)
            return false;
        if (pattern[0] != '[')
            return (pattern[0] == '?' || pattern[0] == name[0]) && Matches(pattern[1..], name[1..]);
        int first = pattern.Length > 1 && pattern[1] is '!' ? 2 : 1;
        int end = first + 1 < pattern.Length ? pattern[(first + 1)..].IndexOf(']') : -1;
        if (end < 0)
            return name[0] == '[' && Matches(pattern[1..], name[1..]);
        ReadOnlySpan<char> members = pattern.Slice(first, end + 1);
        bool isMember = false;
        for (int i = 0; i < members.Length; i++)
        {
            if (i + 2 < members.Length && members[i + 1] == '-')
            {
                isMember |= name[0] >= members[i] && name[0] <= members[i + 2];
                i += 2;
            }
            else
            {
                isMember |= name[0] == members[i];
            }
        }

        return isMember == (first == 1) && Matches(pattern[(first + end + 2)..], name[1..]);
    }

    private static List<string> Settle(params string[] inputs)
    {
        using var list = InputList.Settle(inputs, TextReader.Null);
        return [.. list.Items().Select(item => item.Path)];
    }

    private DinoException Fails(string pattern) => Assert.Throws<DinoException>(() => Settle(_folder.Path(pattern)));
}
