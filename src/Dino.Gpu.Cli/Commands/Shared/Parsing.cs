using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Help;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Values of options, each read and checked in one step.</summary>
internal static class Parsing
{
    /// <summary>Reads one value.</summary>
    public delegate bool TryRead<T>(string text, out T value);

    /// <summary>
    /// Refuses what looks like an option where a file is expected; an unknown option would otherwise be taken for a
    /// file. A file that really has such a name can be written as ./-name.
    /// </summary>
    public static void RefuseUnknownOptions(ArgumentResult result)
    {
        foreach (string value in result.Tokens.Select(token => token.Value))
        {
            if (value.Length > 1 && value[0] == '-' && !Path.Exists(value))
                result.AddError($"there is no option '{value}'");
        }
    }

    /// <summary>
    /// Skips the checks of a command where an option has no value or too many: they would throw, and the option's own
    /// line is enough.
    /// </summary>
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

    /// <summary>
    /// Refuses empty text, which is what an unset variable of a shell becomes in quotes; no option has a use for it.
    /// </summary>
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

    /// <summary>Whether the option is on the command line.</summary>
    public static bool IsGiven(this ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    /// <inheritdoc cref="IsGiven(ParseResult, Option)"/>
    public static bool IsGiven(this SymbolResult result, Option option) => result.GetResult(option) is { Implicit: false };

    /// <summary>An option without a value.</summary>
    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    /// <summary>An option with the name of a file.</summary>
    public static Option<string?> File(string name, string description, string extension = "") => new(name)
    {
        Description = description,
        HelpName = "FILE" + extension,
    };

    /// <summary>An option with a whole number.</summary>
    public static Option<long> Whole(string name, string description, long standard, long smallest, long largest) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result => Whole(result, name, smallest, largest),
    };

    /// <summary>A whole number within bounds, or one line that says so.</summary>
    public static long Whole(ArgumentResult result, string name, long smallest, long largest)
    {
        string text = result.Tokens[0].Value;
        NumberStyles style = smallest < 0 ? NumberStyles.AllowLeadingSign : NumberStyles.None;
        if (long.TryParse(text, style, CultureInfo.InvariantCulture, out long value) && value >= smallest && value <= largest)
            return value;
        string range = largest == long.MaxValue ? $"of {smallest} or more" : $"from {smallest} to {largest}";
        result.AddError($"{name}: expected a whole number {range}, found '{text}'");
        return smallest;
    }

    /// <summary><c>--seed N</c></summary>
    /// <param name="description">What is seeded.</param>
    /// <param name="standard">Without the option.</param>
    public static Option<ulong> Seed(string description, ulong standard) => new("--seed")
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            try
            {
                return WeightSource.ParseSeed(result.Tokens[0].Value);
            }
            catch (DinoException failure)
            {
                result.AddError($"--seed: {failure.Message}");
                return standard;
            }
        },
    };

    /// <summary>An option with a number.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="description">What it does.</param>
    /// <param name="standard">Without the option.</param>
    /// <param name="fits">Whether a number can be used.</param>
    /// <param name="expected">Which numbers can.</param>
    public static Option<double> Number(
        string name, string description, double standard, Func<double, bool> fits, string expected) => new(name)
        {
            Description = description,
            HelpName = "X",
            DefaultValueFactory = _ => standard,
            CustomParser = result => Number(result, name, fits, expected),
        };

    /// <summary>A number that passes a test, or one line that says which would.</summary>
    public static double Number(ArgumentResult result, string name, Func<double, bool> fits, string expected)
    {
        string text = result.Tokens[0].Value;
        bool isNumber = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);
        if (isNumber && fits(value))
            return value;
        result.AddError($"{name}: expected {expected}, found '{text}'");
        return 1;
    }

    /// <summary>Values with commas between them, or one line that says what was expected.</summary>
    public static T[] List<T>(ArgumentResult result, string name, string expected, TryRead<T> read)
    {
        var values = new List<T>();
        foreach (string text in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (!read(text, out T value))
            {
                result.AddError($"{name}: expected {expected}, found '{text}'");
                return [];
            }

            values.Add(value);
        }

        return [.. values];
    }

    /// <summary>Whole numbers with commas between them.</summary>
    public static int[] WholeList(ArgumentResult result, string name, int largest) => List(
        result,
        name,
        $"whole numbers from 1 to {largest}",
        (string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= 1 && value <= largest);

    private static string Empty(string name) =>
        UsageErrors.Of($"{name}: {UsageErrors.ExpectedValue}, found an empty one", "check that the variable of the shell is set");
}
