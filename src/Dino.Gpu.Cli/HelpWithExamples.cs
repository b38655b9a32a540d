using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Dino.Gpu.Cli;

/// <summary>The usual help, followed by the command's examples: what most people look for first.</summary>
/// <param name="help">Writes everything else.</param>
/// <param name="examples">Text by command name.</param>
internal sealed class HelpWithExamples(HelpAction help, IReadOnlyDictionary<string, string> examples) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int exitCode = help.Invoke(parseResult);
        if (examples.TryGetValue(parseResult.CommandResult.Command.Name, out string? text))
        {
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            output.WriteLine(text);
            output.WriteLine();
        }

        return exitCode;
    }
}
