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
    /// Refuses what looks like an option among the arguments: an unknown option would be taken for a file. A file that
    /// really has such a name can be written as ./-name.
    /// </summary>
    public static void RefuseUnknownOptions(ArgumentResult result)
    {
        foreach (string value in result.Tokens.Select(token => token.Value))
        {
            if (value.Length > 1 && value[0] == '-' && !Path.Exists(value))
                result.AddError(UsageErrors.UnknownOption(value, ((CommandResult)result.Parent!).Command));
        }
    }

    /// <summary>
    /// Skips a command's checks if an option lacks its value or has too many. The checks would throw, and the parser
    /// reports the option anyway.
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
                // System.CommandLine reports the option
            }
        });
    }

    /// <summary>
    /// Refuses empty text: an unset shell variable in quotes becomes that, and no option has a use for it.
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

    /// <summary>Reads values with a function that throws if they are wrong; that becomes a usage error.</summary>
    /// <returns>Null if the values are wrong.</returns>
    public static T? Read<T>(SymbolResult result, Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (DinoException failure)
        {
            result.AddError(UsageErrors.Of(failure.Message, failure.Hint));
            return null;
        }
    }

    /// <summary>An option without a value.</summary>
    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    /// <summary><c>--json</c>, which every command has that prints a result.</summary>
    /// <param name="description">What is printed; without it an object that says what was written to files.</param>
    public static Option<bool> Json(string description = "Print a JSON object that says what was written.") =>
        Switch("--json", description);

    /// <summary>An option with the name of a file.</summary>
    public static Option<string?> File(string name, string description, string extension = "")
    {
        var option = new Option<string?>(name) { Description = description, HelpName = "FILE" + extension };
        option.Validators.Add(RefuseStandardStream);
        return option;
    }

    /// <summary>Refuses <c>-</c> for a file or a folder, which would get that name.</summary>
    public static void RefuseStandardStream(OptionResult result)
    {
        if (result.Tokens.Any(token => token.Value == "-"))
            result.AddError(UsageErrors.Of($"{result.Option.Name}: expected a name, found '-'", "a file or folder of that name is ./-"));
    }

    /// <summary>An option with a whole number.</summary>
    public static Option<long> Whole(string name, string description, long standard, long smallest, long largest) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result => Whole(result, name, smallest, largest),
    };

    /// <summary>A whole number within bounds, or an error that names them.</summary>
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
    /// <param name="standard">The default.</param>
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
    /// <param name="standard">The default.</param>
    /// <param name="fits">Whether a number is allowed.</param>
    /// <param name="expected">Which numbers are.</param>
    public static Option<double> Number(
        string name, string description, double standard, Func<double, bool> fits, string expected) => new(name)
        {
            Description = description,
            HelpName = "X",
            DefaultValueFactory = _ => standard,
            CustomParser = result => Number(result, name, fits, expected),
        };

    /// <summary>A number that is allowed, or an error that says which are.</summary>
    public static double Number(ArgumentResult result, string name, Func<double, bool> fits, string expected)
    {
        string text = result.Tokens[0].Value;
        bool isNumber = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);
        if (isNumber && fits(value))
            return value;
        result.AddError($"{name}: expected {expected}, found '{text}'");
        return 1;
    }

    /// <summary>Values separated by commas, or an error that says what was expected.</summary>
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

    /// <summary>Whole numbers separated by commas.</summary>
    public static int[] WholeList(ArgumentResult result, string name, int largest) => List(
        result,
        name,
        $"whole numbers from 1 to {largest}",
        (string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= 1 && value <= largest);

    private static string Empty(string name) =>
        UsageErrors.Of($"{name}: {UsageErrors.ExpectedValue}, found an empty one", "check that the variable of the shell is set");
}
