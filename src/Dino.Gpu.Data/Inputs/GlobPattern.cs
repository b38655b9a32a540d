using System.IO.Enumeration;
using System.Text;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Globs for shells that do not expand them: <c>*</c>, <c>?</c> and <c>[a-z]</c> within one name, <c>**</c> for any
/// depth of folders, <c>{jpg,png}</c> for one of several texts. Square brackets are common in file names, so they match
/// themselves too.
/// </summary>
internal static class GlobPattern
{
    /// <summary>Patterns that one with braces may stand for.</summary>
    private const int MostAlternatives = 1024;

    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    /// <summary>Whether a text is a pattern: it has a wildcard, or braces with a comma between them.</summary>
    public static bool IsPattern(string input) => HasWildcard(input) || Braces(input) is not null;

    /// <summary>Whether a text without braces matches more than itself.</summary>
    public static bool HasWildcard(ReadOnlySpan<char> text) => FirstWildcard(text) >= 0;

    /// <summary>The patterns that a pattern with braces means, in the order of a shell; a pattern without them means itself.</summary>
    /// <exception cref="DinoException">They are too many.</exception>
    public static IReadOnlyList<string> Alternatives(string pattern)
    {
        var all = new List<string>();
        var open = new Stack<string>([pattern]);
        while (open.TryPop(out string? next))
        {
            if (all.Count + open.Count > MostAlternatives)
                throw new DinoException($"the braces of '{pattern}' stand for more than {MostAlternatives} patterns");
            if (Braces(next) is not { } braces)
            {
                all.Add(next);
                continue;
            }

            foreach (string choice in Choices(next[(braces.Start + 1)..(braces.End - 1)]).AsEnumerable().Reverse())
                open.Push(next[..braces.Start] + choice + next[braces.End..]);
        }

        return all;
    }

    /// <summary>Files that match one of some patterns, each once, in the byte order of their paths.</summary>
    /// <param name="patterns">Without braces.</param>
    /// <exception cref="DinoException">The folder before a first wildcard cannot be listed.</exception>
    public static IEnumerable<InputItem> Matches(IReadOnlyList<string> patterns)
    {
        if (patterns.Count == 1)
            return Matches(patterns[0], ignoreCase: false);
        return Merge(patterns);
    }

    /// <summary>A file that would match if letter case did not count; null where there is none.</summary>
    /// <param name="patterns">Without braces.</param>
    public static string? InOtherCase(IEnumerable<string> patterns)
    {
        try
        {
            return patterns.Select(pattern => Matches(pattern, ignoreCase: true).FirstOrDefault()?.Path)
                .FirstOrDefault(path => path is not null);
        }
        catch (DinoException)
        {
            return null; // a folder that cannot be listed
        }
    }

    /// <summary>The folder before the first wildcard, with its separator; nothing for the current one.</summary>
    public static string Start(string pattern)
    {
        int wildcard = FirstWildcard(pattern);
        return pattern[..(pattern.LastIndexOfAny(Separators, wildcard < 0 ? pattern.Length - 1 : wildcard) + 1)];
    }

    /// <summary>Whether a name matches a segment of a pattern.</summary>
    public static bool IsMatch(string segment, ReadOnlySpan<char> name, bool ignoreCase) =>
        FileSystemName.MatchesSimpleExpression(segment, name, ignoreCase)
            || (segment.Contains('[', StringComparison.Ordinal) && MatchesClasses(segment, name, ignoreCase));

    /// <summary>Without an extension in the pattern (<c>photos/*</c>) only images are taken.</summary>
    private static IEnumerable<InputItem> Matches(string pattern, bool ignoreCase)
    {
        // The part before the first wildcard is one folder as it stands, so that drive letters and roots need no
        // thought.
        string start = Start(pattern);
        string[] segments = pattern[start.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        if (segments.Length == 0)
            return [];
        bool imagesOnly = !segments[^1].Contains('.', StringComparison.Ordinal);
        return new FolderWalk(segments, imagesOnly) { IgnoreCase = ignoreCase || OperatingSystem.IsWindows() }.Files(start);
    }

    private static IEnumerable<InputItem> Merge(IReadOnlyList<string> patterns)
    {
        var heads = new PriorityQueue<IEnumerator<InputItem>, string>(PathOrder.Instance);
        try
        {
            foreach (string pattern in patterns)
                Move(heads, Matches(pattern, ignoreCase: false).GetEnumerator());
            string? last = null;
            while (heads.TryDequeue(out IEnumerator<InputItem>? head, out string? path))
            {
                InputItem item = head.Current;
                Move(heads, head);
                if (path != last)
                    yield return item;
                last = path;
            }
        }
        finally
        {
            foreach ((IEnumerator<InputItem> head, _) in heads.UnorderedItems)
                head.Dispose();
        }
    }

    private static void Move(PriorityQueue<IEnumerator<InputItem>, string> heads, IEnumerator<InputItem> head)
    {
        if (head.MoveNext())
            heads.Enqueue(head, head.Current.Path);
        else
            head.Dispose();
    }

    /// <summary>Where the first <c>*</c>, <c>?</c> or set in brackets starts; -1 where there is none.</summary>
    private static int FirstWildcard(ReadOnlySpan<char> text)
    {
        for (int at = 0; at < text.Length; at++)
        {
            if (text[at] is '*' or '?' || (text[at] == '[' && ClassEnd(text, at) > 0))
                return at;
        }

        return -1;
    }

    /// <summary>
    /// Where a set such as <c>[!a-z]</c> ends; 0 where the bracket at its start is not closed in its name.
    /// </summary>
    private static int ClassEnd(ReadOnlySpan<char> text, int start)
    {
        int at = start + 1;
        if (at < text.Length && text[at] is '!' or '^')
            at++;
        at++; // a bracket that comes first is a member
        while (at < text.Length && text[at] != ']' && !Separators.Contains(text[at]))
            at++;
        return at < text.Length && text[at] == ']' ? at + 1 : 0;
    }

    /// <summary>The first braces with a comma of their own: where they start, and where they end.</summary>
    private static (int Start, int End)? Braces(string text)
    {
        for (int start = text.IndexOf('{', StringComparison.Ordinal); start >= 0; start = text.IndexOf('{', start + 1))
        {
            int depth = 0;
            bool hasComma = false;
            for (int at = start; at < text.Length; at++)
            {
                depth += text[at] switch { '{' => 1, '}' => -1, _ => 0 };
                hasComma |= text[at] == ',' && depth == 1;
                if (depth == 0 && hasComma)
                    return (start, at + 1);
                if (depth == 0)
                    break;
            }
        }

        return null;
    }

    /// <summary>What lies between the commas that are in no inner braces.</summary>
    private static List<string> Choices(string inside)
    {
        var choices = new List<string>();
        var choice = new StringBuilder();
        int depth = 0;
        foreach (char letter in inside)
        {
            depth += letter switch { '{' => 1, '}' => -1, _ => 0 };
            if (letter == ',' && depth == 0)
            {
                choices.Add(choice.ToString());
                choice.Clear();
            }
            else
            {
                choice.Append(letter);
            }
        }

        choices.Add(choice.ToString());
        return choices;
    }

    /// <summary>Goes back to the last <c>*</c> where a letter does not match.</summary>
    private static bool MatchesClasses(ReadOnlySpan<char> segment, ReadOnlySpan<char> name, bool ignoreCase)
    {
        int at = 0;
        int letter = 0;
        int star = -1;
        int starLetter = 0;
        while (letter < name.Length)
        {
            if (at < segment.Length && segment[at] == '*')
            {
                star = at++;
                starLetter = letter;
            }
            else if (at < segment.Length && MatchesOne(segment, ref at, name[letter], ignoreCase))
            {
                letter++;
            }
            else if (star >= 0)
            {
                at = star + 1;
                letter = ++starLetter;
            }
            else
            {
                return false;
            }
        }

        return segment[at..].IndexOfAnyExcept('*') < 0;
    }

    /// <summary>Whether the part of a segment at a place matches a letter; goes to the next part if so.</summary>
    private static bool MatchesOne(ReadOnlySpan<char> segment, ref int at, char letter, bool ignoreCase)
    {
        int end = segment[at] == '[' ? ClassEnd(segment, at) : 0;
        ReadOnlySpan<char> members = end > 0 ? segment[(at + 1)..(end - 1)] : segment.Slice(at, 1);
        bool isMatch = segment[at] == '?' || IsMember(members, letter) || (ignoreCase && IsMember(members, Other(letter)));
        if (isMatch)
            at = end > 0 ? end : at + 1;
        return isMatch;
    }

    /// <param name="members">Letters and ranges, after <c>!</c> or <c>^</c> those that do not match.</param>
    /// <param name="letter">That is looked for.</param>
    private static bool IsMember(ReadOnlySpan<char> members, char letter)
    {
        bool isOther = members.Length > 1 && members[0] is '!' or '^';
        if (isOther)
            members = members[1..];
        for (int i = 0; i < members.Length; i++)
        {
            bool isRange = i + 2 < members.Length && members[i + 1] == '-';
            if (letter >= members[i] && letter <= members[isRange ? i + 2 : i])
                return !isOther;
            if (isRange)
                i += 2;
        }

        return isOther;
    }

    private static char Other(char letter) => char.IsUpper(letter) ? char.ToLowerInvariant(letter) : char.ToUpperInvariant(letter);
}
