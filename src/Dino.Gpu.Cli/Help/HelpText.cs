using System.Collections;
using System.CommandLine;
using System.Globalization;

namespace Dino.Gpu.Cli.Help;

/// <summary>What help says about a symbol.</summary>
internal static class HelpText
{
    private const string Default = "[default: ";

    /// <summary>Such as <c>-o, --out &lt;FILE&gt;</c>.</summary>
    public static string Label(Option option)
    {
        string names = string.Join(", ", Names(option));
        return IsSwitch(option) ? names : $"{names} <{option.HelpName ?? "VALUE"}>";
    }

    /// <summary>The short name, then the first of the long names.</summary>
    public static IEnumerable<string> Names(Option option)
    {
        string[] all = [option.Name, .. option.Aliases];
        return all.Where(name => !IsLong(name) && name[0] == '-').Take(1).Concat(all.Where(IsLong).Take(1));
    }

    /// <summary>Such as <c>&lt;INPUT&gt;...</c>.</summary>
    public static string Label(Argument argument)
    {
        string name = $"<{argument.Name}>{(argument.Arity.MaximumNumberOfValues > 1 ? "..." : "")}";
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name;
    }

    /// <summary>The whole description, with the default.</summary>
    public static string Description(Option option)
    {
        string text = option.Description ?? "";
        string? standard = DefaultOf(option);
        return standard is null ? text : $"{text} {Default}{standard}]";
    }

    /// <summary>The first sentence of the description, with the default.</summary>
    public static string Summary(Option option)
    {
        string text = Description(option);
        int standard = text.IndexOf(Default, StringComparison.Ordinal);
        string sentence = FirstSentence(text);
        return standard < 0 || sentence.Contains(Default, StringComparison.Ordinal) ? sentence : $"{sentence} {text[standard..]}";
    }

    /// <summary>The text up to the end of its first sentence.</summary>
    public static string FirstSentence(string? text)
    {
        text ??= "";
        int end = text.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? text : text[..(end + 1)];
    }

    /// <summary>How the command is called.</summary>
    /// <param name="path">Its name after those of its parents, such as <c>dino weights pull</c>.</param>
    /// <param name="command">The command.</param>
    public static string Usage(string path, Command command)
    {
        if (command.Subcommands.Count > 0)
            return $"{path} <COMMAND>";
        IEnumerable<string> arguments = command.Arguments.Select(Label);
        IEnumerable<string> required = command.Options
            .Where(option => option.Required)
            .Select(option => $"{option.Name} <{option.HelpName}>");
        return string.Join(' ', [path, "[OPTIONS]", .. arguments, .. required]);
    }

    /// <summary>Breaks text into lines between words. A word that is longer than a line stays whole.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }

            line += line.Length == 0 ? word : " " + word;
        }

        if (line.Length > 0)
            yield return line;
    }

    /// <summary>Whether the option has no value.</summary>
    public static bool IsSwitch(Option option) => option.ValueType == typeof(bool) || option.Arity.MaximumNumberOfValues == 0;

    private static bool IsLong(string name) => name.StartsWith("--", StringComparison.Ordinal);

    /// <summary>Null if there is none, or if the description says it.</summary>
    private static string? DefaultOf(Option option)
    {
        if (!option.HasDefaultValue || IsSwitch(option))
            return null;
        if (option is IChoice choice)
            return choice.DefaultName;
        return option.GetDefaultValue() switch
        {
            null => null,
            string text => text,
            IEnumerable values => string.Join(',', values.Cast<object>().Select(Invariant)),
            var value => Invariant(value),
        };

        static string? Invariant(object value) => Convert.ToString(value, CultureInfo.InvariantCulture);
    }
}
