using System.CommandLine;

namespace Dino.Gpu.Cli.Help;

/// <summary>Help of a command as text for a terminal.</summary>
/// <param name="output">The stream to write to.</param>
/// <param name="width">Columns; words are never broken.</param>
internal sealed class HelpPage(TextWriter output, int width)
{
    private const string Indent = "  ";
    private const int LabelColumns = 26; // width of the left column, with its indent
    private const string NoShortName = "    ";

    /// <summary>Writes the page.</summary>
    /// <param name="command">The command.</param>
    /// <param name="path">Its name after those of its parents.</param>
    /// <param name="isShort">Whether to show only the most used options, with one sentence each.</param>
    public void Write(Command command, string path, bool isShort)
    {
        Paragraph(command.Description ?? "");
        output.WriteLine();
        Paragraph($"Usage: {HelpText.Usage(path, command)}");
        if (command.Subcommands.Count > 0)
        {
            foreach ((string heading, IReadOnlyList<Command> commands) in HelpLayout.Commands(command))
                Section(heading, commands.Select(one => (one.Name, HelpText.FirstSentence(one.Description))));
        }

        Section("Arguments", command.Arguments.Select(argument =>
            (HelpText.Label(argument), isShort ? HelpText.FirstSentence(argument.Description) : argument.Description ?? "")));
        if (isShort)
        {
            Section("Options", HelpLayout.ShortList(command).Select(option => (Label(option), HelpText.Summary(option))));
            output.WriteLine();
            Paragraph($"Run '{path} --help' for all options and examples.");
            return;
        }

        foreach ((string heading, IReadOnlyList<Option> options) in HelpLayout.Options(command))
            Section(heading, options.Select(option => (Label(option), HelpText.Description(option))));
        WriteClosing(command);
    }

    /// <summary>What a page ends with; empty for nothing.</summary>
    public static (string Examples, string Notes) Closing(Command command) => command switch
    {
        CliCommand known => (known.Examples, known.Notes),
        RootCommand => (RootHelp.Examples, RootHelp.Notes),
        _ => ("", ""),
    };

    private void WriteClosing(Command command)
    {
        (string examples, string notes) = Closing(command);
        if (examples.Length > 0)
        {
            output.WriteLine();
            output.WriteLine("Examples:");
            foreach (string line in examples.Split('\n'))
                output.WriteLine(line.Length == 0 ? line : Indent + line);
        }

        foreach (string paragraph in notes.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            output.WriteLine();
            Paragraph(paragraph.ReplaceLineEndings(" "));
        }
    }

    /// <summary>Aligns the long names, whether or not a short name precedes them.</summary>
    private static string Label(Option option)
    {
        string label = HelpText.Label(option);
        return label.StartsWith("--", StringComparison.Ordinal) ? NoShortName + label : label;
    }

    private void Section(string heading, IEnumerable<(string Label, string Text)> rows)
    {
        bool isFirst = true;
        foreach ((string label, string text) in rows)
        {
            if (isFirst)
            {
                output.WriteLine();
                output.WriteLine($"{heading}:");
                isFirst = false;
            }

            Row(label, text);
        }
    }

    private void Row(string label, string text)
    {
        string left = (Indent + label).PadRight(LabelColumns);
        string[] lines = [.. HelpText.Wrap(text, width - LabelColumns)];
        if (left.Length > LabelColumns || left[^1] != ' ')
        {
            output.WriteLine(left.TrimEnd());
            left = new string(' ', LabelColumns);
        }

        foreach (string line in lines)
        {
            output.WriteLine(left + line);
            left = new string(' ', LabelColumns);
        }
    }

    private void Paragraph(string text)
    {
        foreach (string line in HelpText.Wrap(text, width))
            output.WriteLine(line);
    }
}
