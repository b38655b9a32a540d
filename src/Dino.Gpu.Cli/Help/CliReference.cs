using System.CommandLine;

namespace Dino.Gpu.Cli.Help;

/// <summary>The page docs/cli.md, made from the definition of the command line.</summary>
internal static class CliReference
{
    private const int Width = 120;

    /// <summary>Writes the page.</summary>
    public static void Write(RootCommand root, TextWriter output)
    {
        output.WriteLine("# CLI reference");
        output.WriteLine();
        output.WriteLine("Every command of `dino` with its arguments, options and defaults, as `dino COMMAND --help` shows them.");
        output.WriteLine("This page is made by `dino docs cli`; a test compares it with the command line.");
        output.WriteLine();
        foreach ((string heading, IReadOnlyList<Command> commands) in HelpLayout.Commands(root))
        {
            output.WriteLine($"**{heading}**");
            output.WriteLine();
            foreach (Command command in commands)
                output.WriteLine($"- [`dino {command.Name}`](#dino-{command.Name}): {Escape(command.Description)}");
            output.WriteLine();
        }

        output.WriteLine("## All commands");
        Options(HelpLayout.Options(root), level: "");
        Closing(RootHelp.Examples, RootHelp.Notes);
        foreach (Command command in HelpLayout.Commands(root).SelectMany(group => group.Commands))
            Section(command, $"dino {command.Name}", "##");

        void Section(Command command, string path, string level)
        {
            output.WriteLine();
            output.WriteLine($"{level} {path}");
            output.WriteLine();
            Paragraph(Escape(command.Description));
            output.WriteLine();
            output.WriteLine($"Usage: `{HelpText.Usage(path, command)}`");
            if (command.Arguments.Count > 0)
                output.WriteLine();
            foreach (Argument argument in command.Arguments)
                Item(HelpText.Label(argument), argument.Description);
            if (command.Subcommands.Count == 0)
                Options(HelpLayout.Options(command).Where(group => group.Options.Any(option => !option.Recursive)), level);
            if (command is CliCommand known)
                Closing(known.Examples, known.Notes);
            foreach (Command one in command.Subcommands)
                Section(one, $"{path} {one.Name}", level + "#");
        }

        void Options(IEnumerable<(string Heading, IReadOnlyList<Option> Options)> groups, string level)
        {
            foreach ((string heading, IReadOnlyList<Option> options) in groups)
            {
                output.WriteLine();
                if (level.Length > 0)
                {
                    output.WriteLine($"**{heading}**");
                    output.WriteLine();
                }

                foreach (Option option in options)
                    Item(HelpText.Label(option), HelpText.Description(option));
            }
        }

        void Closing(string examples, string notes)
        {
            output.WriteLine();
            output.WriteLine("```text");
            output.WriteLine(examples.ReplaceLineEndings("\n"));
            output.WriteLine("```");
            foreach (string paragraph in notes.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
            {
                output.WriteLine();
                Paragraph(Escape(paragraph.ReplaceLineEndings(" ")));
            }
        }

        void Item(string label, string? text)
        {
            string indent = "- ";
            foreach (string line in HelpText.Wrap($"`{label.Replace(' ', '\u00A0')}`: {Escape(text)}", Width - 2))
            {
                output.WriteLine(indent + line.Replace('\u00A0', ' '));
                indent = "  ";
            }
        }

        void Paragraph(string text)
        {
            foreach (string line in HelpText.Wrap(text, Width))
                output.WriteLine(line);
        }
    }

    /// <summary>
    /// Text as Markdown shows it: patterns such as *.jpg and names in angle brackets stay as they are.
    /// </summary>
    private static string Escape(string? text) => (text ?? "")
        .Replace("*", "\\*", StringComparison.Ordinal)
        .Replace("_", "\\_", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal);
}
