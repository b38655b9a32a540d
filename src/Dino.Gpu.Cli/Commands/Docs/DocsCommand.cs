using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// <c>dino docs cli</c>: writes the page docs/cli.md to standard output. It is hidden: users do not need it.
/// </summary>
internal static class DocsCommand
{
    public static Command Create(RootCommand root, CliConsole console)
    {
        var reference = new Command("cli", "Print the CLI reference as Markdown.");
        reference.SetAction(_ => CliReference.Write(root, console.Text));
        return new Command("docs", "Print pages of the documentation.") { Subcommands = { reference }, Hidden = true };
    }
}
