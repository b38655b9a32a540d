using System.CommandLine;
using System.Text;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;

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
            (string Path, string Text)[] pages = [.. ManPage.All(root).Select(page => (Path.Combine(directory, page.Name), page.Text))];
            foreach ((string path, _) in pages)
                FileKind.Manual.RequireReplaceable(path);
            OutputDirectory.Create(directory, pages.Select(page => page.Path));
            foreach ((string path, string text) in pages)
            {
                using var file = new AtomicFile(path);
                file.Write(Encoding.UTF8.GetBytes(text));
                file.Complete();
            }
        });
        return new Command("docs", "Print pages of the documentation.") { Subcommands = { reference, manual }, Hidden = true };
    }
}
