using System.CommandLine;

namespace Dino.Gpu.Cli.Help;

/// <summary>A command, with what its help says besides its arguments and options.</summary>
/// <param name="name">As it is typed.</param>
/// <param name="description">One sentence.</param>
/// <param name="examples">Shell lines: a comment, then its command.</param>
/// <param name="notes">Paragraphs below the options, separated by empty lines.</param>
internal sealed class CliCommand(string name, string description, string examples, string notes = "") : Command(name, description)
{
    public string Examples => examples;

    public string Notes => notes;
}
