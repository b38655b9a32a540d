using System.CommandLine;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Help;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options of every command that reads a checkpoint, on what it may not say itself.</summary>
internal sealed class CheckpointArguments
{
    private const int LargestHeads = 1024;

    private readonly ChoiceOption<string?> _branch = new(
        "--branch", "Model of a training checkpoint. [default: teacher]",
        [("teacher", "teacher"), ("student", "student")], hasDefault: false);

    private readonly Option<int?> _heads = new("--heads")
    {
        Description = "Attention heads, where neither config.json nor the size of the model tells.",
        HelpName = "N",
        CustomParser = result => (int)Parsing.Whole(result, "--heads", 1, LargestHeads),
    };

    public void AddTo(Command command)
    {
        command.Options.Add(_branch);
        command.Options.Add(_heads);
    }

    public CheckpointOptions Read(ParseResult parsed) => new() { Branch = parsed.GetValue(_branch), Heads = parsed.GetValue(_heads) };
}
