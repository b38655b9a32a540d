using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// <c>dino docs cli</c> writes the page docs/cli.md to standard output, <c>dino docs man DIR</c> pages for man. It is
/// hidden: users do not need it, but those who package the command do.
/// </summary>
internal static class DocsCommand
{
    public static Command Create(RootCommand root, CliConsole console)
    {
        var reference = new Command("cli", "Print the CLI reference as Markdown.");
        reference.SetAction(_ => CliReference.Write(root, console.Text));
        var folder = new Argument<string>("DIR") { Description = "Folder to write into." };
        var manual = new Command("man", "Write a page for man for each command.") { folder };
        manual.SetAction(parsed =>
        {
            string directory = parsed.GetValue(folder)!;
            Directory.CreateDirectory(directory);
            foreach ((string name, string text) in ManPage.All(root))
                File.WriteAllText(Path.Combine(directory, name), text);
        });
        return new Command("docs", "Print pages of the documentation.") { Subcommands = { reference, manual }, Hidden = true };
    }
}
