using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace Dino.Gpu.Cli.Help;

/// <summary>What <c>--help</c> and <c>-h</c> do.</summary>
/// <param name="help">The option.</param>
/// <param name="width">Columns of the page.</param>
internal sealed class ShowHelp(Option help, int width) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        bool isShort = parseResult.GetResult(help)?.IdentifierToken?.Value != help.Name;
        var page = new HelpPage(parseResult.InvocationConfiguration.Output, width);
        page.Write(parseResult.CommandResult.Command, Path(parseResult), isShort);
        return 0;
    }

    /// <summary>The names of the command and its parents, such as <c>dino weights pull</c>.</summary>
    public static string Path(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (CommandResult? one = parsed.CommandResult; one is not null; one = one.Parent as CommandResult)
            names.Push(one.Command is RootCommand ? DinoCommandLine.Name : one.Command.Name);
        return string.Join(' ', names);
    }
}
