using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Values on the command line that several options have.</summary>
internal static class Parsing
{
    /// <summary>Refuses what looks like an option where a file is expected: an unknown option would otherwise be taken for one. A file that is really called so can be written ./-name.</summary>
    public static void RefuseUnknownOptions(ArgumentResult result)
    {
        foreach (string unknown in result.Tokens.Select(token => token.Value).Where(value => value.Length > 1 && value[0] == '-' && !Path.Exists(value)))
            result.AddError($"there is no option '{unknown}'");
    }

    /// <summary>Leaves the checks of a command out where an option has no value or too many: they would throw, and the option's own line is enough.</summary>
    public static void CheckOnlyWhatIsThere(Command command)
    {
        Action<CommandResult>[] checks = [.. command.Validators];
        command.Validators.Clear();
        command.Validators.Add(result =>
        {
            try
            {
                foreach (Action<CommandResult> check in checks)
                    check(result);
            }
            catch (InvalidOperationException)
            {
                // System.CommandLine reports it for the option
            }
        });
    }

    /// <summary>Refuses empty text, which is what an unset variable of a shell becomes in quotes: nothing here has a use for it.</summary>
    public static void RefuseEmpty(OptionResult result)
    {
        if (result.Tokens.Any(token => token.Value.Length == 0))
            result.AddError(Empty(result.Option.Name));
    }

    /// <inheritdoc cref="RefuseEmpty(OptionResult)"/>
    public static void RefuseEmpty(ArgumentResult result)
    {
        if (result.Tokens.Any(token => token.Value.Length == 0))
            result.AddError(Empty(result.Argument.Name));
    }

    /// <summary>The line for an option or argument that is empty.</summary>
    public static string Empty(string name) => $"{name}: expected a value, found an empty one (is a variable of the shell unset?)";

    /// <summary>A whole number within bounds, or one line that says so.</summary>
    public static long Whole(ArgumentResult result, string name, long smallest, long largest)
    {
        string text = result.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value >= smallest && value <= largest)
            return value;
        string range = largest == long.MaxValue ? $"{smallest} on" : $"{smallest} to {largest}";
        result.AddError($"{name}: expected a whole number from {range}, found '{text}'");
        return smallest;
    }
}
