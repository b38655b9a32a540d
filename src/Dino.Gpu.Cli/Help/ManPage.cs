using System.CommandLine;

namespace Dino.Gpu.Cli.Help;

/// <summary>Pages for <c>man</c>, made from the definition of the command line.</summary>
internal static class ManPage
{
    /// <summary>Every page with the name of its file: <c>dino.1</c>, <c>dino-embed.1</c>, <c>dino-weights-pull.1</c>.</summary>
    public static IEnumerable<(string Name, string Text)> All(RootCommand root) => Pages(root, DinoCommandLine.Name);

    private static IEnumerable<(string Name, string Text)> Pages(Command command, string path)
    {
        using var text = new StringWriter { NewLine = "\n" };
        Write(command, path, text);
        yield return ($"{path.Replace(' ', '-')}.1", text.ToString());
        foreach (Command one in command.Subcommands.Where(one => !one.Hidden))
        {
            foreach ((string Name, string Text) page in Pages(one, $"{path} {one.Name}"))
                yield return page;
        }
    }

    private static void Write(Command command, string path, StringWriter page)
    {
        page.WriteLine($".TH \"{path.Replace(' ', '-').ToUpperInvariant()}\" 1");
        page.WriteLine(".SH NAME");
        page.WriteLine($"{Escape(path.Replace(' ', '-'))} \\- {Escape(HelpText.FirstSentence(command.Description).TrimEnd('.'))}");
        page.WriteLine(".SH SYNOPSIS");
        page.WriteLine($".B {Escape(HelpText.Usage(path, command))}");
        page.WriteLine(".SH DESCRIPTION");
        Paragraph(command.Description ?? "");
        foreach ((string heading, IReadOnlyList<Command> commands) in HelpLayout.Commands(command).Where(group => group.Commands.Count > 0))
            Section(heading, commands.Select(one => (one.Name, one.Description)));
        Section("Arguments", command.Arguments.Select(argument => (HelpText.Label(argument), argument.Description)));
        foreach ((string heading, IReadOnlyList<Option> options) in HelpLayout.Options(command))
            Section($"{heading} options", options.Select(option => (HelpText.Label(option), (string?)HelpText.Description(option))));
        (string examples, string notes) = HelpPage.Closing(command);
        if (notes.Length > 0)
        {
            page.WriteLine(".SH NOTES");
            foreach (string paragraph in notes.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
                Paragraph(paragraph.ReplaceLineEndings(" "));
        }

        if (examples.Length > 0)
        {
            page.WriteLine(".SH EXAMPLES");
            page.WriteLine(".nf");
            foreach (string line in examples.Split('\n'))
                page.WriteLine(Escape(line));
            page.WriteLine(".fi");
        }

        void Section(string heading, IEnumerable<(string Label, string? Text)> rows)
        {
            bool isFirst = true;
            foreach ((string label, string? text) in rows)
            {
                if (isFirst)
                    page.WriteLine($".SH {heading.ToUpperInvariant()}");
                isFirst = false;
                page.WriteLine(".TP");
                page.WriteLine($".B {Escape(label)}");
                page.WriteLine(Escape(text ?? ""));
            }
        }

        void Paragraph(string text)
        {
            page.WriteLine(".PP");
            page.WriteLine(Escape(text));
        }
    }

    /// <summary>Text as roff takes it: a backslash starts a command, and so does a dot or an apostrophe at the start.</summary>
    private static string Escape(string text)
    {
        text = text.TrimEnd('\r').Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return text is ['.' or '\'', ..] ? "\\&" + text : text;
    }
}
