using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Cli.Help;

/// <summary>
/// Options from the environment: every option has a variable, DINO_ and its long name, such as <c>DINO_BATCH=8</c> for
/// <c>--batch 8</c>. The command line wins.
/// </summary>
internal static class OptionVariables
{
    private const string Prefix = "DINO_";

    /// <summary>The variable of an option.</summary>
    public static string NameOf(Option option) =>
        Prefix + HelpText.Names(option).Last().TrimStart('-').Replace('-', '_').ToUpperInvariant();

    /// <summary>The options of the command that variables give and the command line does not.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="wrong">The first variable of a switch that is neither true nor false; null if there is none.</param>
    /// <returns>Each variable's name with the argument that says the same.</returns>
    public static IReadOnlyList<(string Variable, string Argument)> Read(
        ParseResult parsed, Func<string, string?> variable, out (string Variable, string Value)? wrong)
    {
        wrong = null;
        var found = new List<(string Variable, string Argument)>();
        foreach (Option option in HelpLayout.Options(parsed.CommandResult.Command).SelectMany(group => group.Options))
        {
            string name = NameOf(option);
            if (option is HelpOption or VersionOption
                || name == DinoWeights.EnvironmentVariable // the library reads it, for programs too
                || variable(name) is not { Length: > 0 } value
                || parsed.GetResult(option) is { Implicit: false })
                continue;
            if (!HelpText.IsSwitch(option))
                found.Add((name, $"{option.Name}={value}"));
            else if (IsOn(value) is not { } isOn)
                wrong ??= (name, value);
            else if (isOn)
                found.Add((name, option.Name));
        }

        return found;
    }

    /// <summary>The command line with further arguments behind the names of its command.</summary>
    public static IReadOnlyList<string> Insert(IReadOnlyList<string> arguments, ParseResult parsed, IEnumerable<string> further)
    {
        var names = new Stack<string>();
        for (CommandResult? one = parsed.CommandResult; one is { Command: not RootCommand }; one = one.Parent as CommandResult)
            names.Push(one.Command.Name);
        int start = 0;
        foreach (string name in names)
            start = arguments.Index().First(one => one.Index >= start && one.Item == name).Index + 1;
        return [.. arguments.Take(start), .. further, .. arguments.Skip(start)];
    }

    private static bool? IsOn(string value) => value.ToLowerInvariant() switch
    {
        "1" or "true" or "yes" or "on" => true,
        "0" or "false" or "no" or "off" => false,
        _ => null,
    };
}
