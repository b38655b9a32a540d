using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Help;

/// <summary>Says what is wrong with a command line, in the form of all other errors.</summary>
internal static class UsageErrors
{
    /// <summary>Separates a message from the hint that an option or command adds.</summary>
    private const char HintSeparator = '\n';

    private static readonly Regex UnknownArgument = new(@"^Unrecognized command or argument '(.+)'\.$");

    /// <summary>
    /// The sentences of System.CommandLine. They are English on every machine: no translations are shipped.
    /// </summary>
    private static readonly (Regex Pattern, string Replacement)[] Sentences =
    [
        (new(@"^Required argument '(.+)' missing for command: .*$"), "expected $1, found none"),
        (new(@"^Required argument missing for option: '(.+)'\.$"), $"$1: {ExpectedValue}, found none"),
        (new(@"^Option '(.+)' is required\.$"), "$1: required, found none"),
        (new(@"^Option '(.+)' expects a single argument but (\d+) were provided\.$"), "$1: expected one value, found $2"),
        (UnknownArgument, "unexpected argument '$1'"),
        (new(@"^Cannot parse argument '(.*)' for option '(.+)' as expected type .*$"), "$2: expected a value of another kind, found '$1'"),
    ];

    /// <summary>The fixed part of every message about a missing value.</summary>
    public const string ExpectedValue = "expected a value";

    /// <summary>
    /// For AddError of an option, argument or command: what is wrong, and what to do; null for nothing.
    /// </summary>
    public static string Of(string message, string? hint) => hint is null ? message : message + HintSeparator + hint;

    /// <summary>Everything that is wrong in one line, and what to do in another.</summary>
    public static (string Message, string Hint) Of(ParseResult parsed, string path)
    {
        if (Misplaced(parsed, path) is { } misplaced)
            return misplaced;
        string[] errors = parsed.CommandResult.Command.Subcommands.Count > 0
            ? [MissingCommand(parsed, path)]
            : [.. parsed.Errors.Select(error => Named(error.Message, parsed.CommandResult.Command)).Distinct()];
        string message = string.Join("; ", errors.Select(error => Sentence(error.Split(HintSeparator)[0])));
        string? hint = errors.Where(error => error.Contains(HintSeparator)).Select(error => error.Split(HintSeparator)[1]).FirstOrDefault();
        return (message, hint ?? $"run '{path} --help'");
    }

    /// <summary>Says that a command has no such option, and which one may be meant.</summary>
    public static string UnknownOption(string option, Command command)
    {
        string[] known = Known(command);
        string name = option.Split('=')[0];
        if (known.Contains(name)) // behind --, where everything is an argument
            return Of($"cannot read '{option}': no such file", "options go before '--'");
        return Of($"there is no option '{option}'", name.Length > 2 ? Suggestion(name, known) : null);
    }

    private static string[] Known(Command command) =>
        [.. HelpLayout.Options(command).SelectMany(group => group.Options).SelectMany(HelpText.Names)];

    /// <summary>An option of the command that stands before the command's name; null where none does.</summary>
    private static (string Message, string Hint)? Misplaced(ParseResult parsed, string path)
    {
        string[] before = [.. parsed.Tokens.TakeWhile(token => token.Type is not (TokenType.Command or TokenType.DoubleDash))
            .Select(token => token.Value)];
        string[] known = Known(parsed.CommandResult.Command);
        bool isAny = parsed.Tokens.Skip(before.Length).FirstOrDefault()?.Type == TokenType.Command;
        string? option = before.FirstOrDefault(one => parsed.UnmatchedTokens.Contains(one) && known.Contains(one.Split('=')[0]));
        return isAny && option is not null
            ? ($"option '{option.Split('=')[0]}' belongs after the command", $"write {path} {string.Join(' ', before)}")
            : null;
    }

    /// <summary>What a mistyped name may be meant to be; null where nothing is like it.</summary>
    public static string? Suggestion(string name, IEnumerable<string> known) =>
        SimilarName.Of(name, known) is { } similar ? $"did you mean '{similar}'?" : null;

    /// <summary>The parser calls an option that a command without arguments lacks an argument.</summary>
    private static string Named(string error, Command command) =>
        UnknownArgument.Match(error) is { Success: true } match && match.Groups[1].Value is ['-', _, ..] option
            ? UnknownOption(option, command)
            : error;

    private static string Sentence(string text)
    {
        foreach ((Regex pattern, string replacement) in Sentences)
        {
            if (pattern.IsMatch(text))
                return pattern.Replace(text, replacement);
        }

        return text;
    }

    /// <summary>
    /// Says that a command is missing or unknown. The parser would say both, and complain about every word after it.
    /// </summary>
    private static string MissingCommand(ParseResult parsed, string path)
    {
        Command command = parsed.CommandResult.Command;
        string[] known = [.. command.Subcommands.Where(one => !one.Hidden).Select(one => one.Name)];
        return parsed.UnmatchedTokens.FirstOrDefault() switch
        {
            null => $"expected a command ({string.Join(", ", known)}), found none",
            ['-', ..] option => UnknownOption(option, command),
            var unknown => Of($"there is no command '{$"{path} {unknown}"["dino ".Length..]}'", Suggestion(unknown, known)),
        };
    }
}
