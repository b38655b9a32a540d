using System.CommandLine;
using System.CommandLine.Completions;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino help COMMAND</c>: the page of <c>dino COMMAND --help</c>.</summary>
internal static class HelpCommand
{
    public static Command Create(RootCommand root, CliConsole console)
    {
        var names = new Argument<string[]>("COMMAND")
        {
            Description = "Such as embed, or weights pull.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        names.CompletionSources.Add(_ => root.Subcommands.Where(one => !one.Hidden).Select(one => new CompletionItem(one.Name)));
        names.Validators.Add(result =>
        {
            Command command = root;
            foreach (string name in result.Tokens.Select(token => token.Value))
            {
                if (Find(command, name) is not { } next)
                {
                    string hint = UsageErrors.Suggestion(name, command.Subcommands.Select(one => one.Name)) ?? "run 'dino --help'";
                    result.AddError(UsageErrors.Of($"there is no command '{name}'", hint));
                    return;
                }

                command = next;
            }
        });
        const string Examples = """
            dino help embed
            dino help weights pull
            """;
        var command = new CliCommand("help", "Print the help of a command.", Examples) { names };
        command.SetAction(parsed =>
        {
            string[] path = parsed.GetValue(names) ?? [];
            Command found = path.Aggregate((Command)root, (one, name) => Find(one, name)!);
            new HelpPage(console.Text, console.Width).Write(found, string.Join(' ', [DinoCommandLine.Name, .. path]), isShort: false);
        });
        return command;
    }

    private static Command? Find(Command command, string name) => command.Subcommands.FirstOrDefault(one => one.Name == name);
}
