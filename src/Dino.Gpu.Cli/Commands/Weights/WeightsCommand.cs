using System.CommandLine;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino weights</c>: downloads, inspects and converts checkpoints, and writes seeded weights.</summary>
internal static class WeightsCommand
{
    private const string DefaultPath = "weights/pytorch_model.bin";

    public static Command Create(CliConsole console) => new("weights", "Download, inspect, convert or generate model weights.")
    {
        CreatePull(console),
        CreateInfo(console),
        CreateConvert(console),
        CreateSynth(console),
    };

    private static CliCommand CreatePull(CliConsole console)
    {
        var output = new Option<string>("-o", "--out", "--output")
        {
            Description = "File to write.",
            HelpName = "FILE",
            DefaultValueFactory = _ => DefaultPath,
        };
        var endpoint = new Option<string?>("--endpoint")
        {
            Description = "Address of the hub or a mirror. "
                + $"[default: {WeightsDownloadOptions.EndpointVariable}, else {WeightsDownloadOptions.DefaultEndpoint}]",
            HelpName = "URL",
        };
        var revision = new Option<string>("--revision")
        {
            Description = "Commit, tag or branch on the hub. The default is a pinned commit.",
            HelpName = "REV",
            DefaultValueFactory = _ => WeightsDownloadOptions.DefaultRevision,
        };
        const string Examples = """
            # into weights/, where every command finds them
            dino weights pull
            # from a mirror
            dino weights pull --endpoint https://hub.example.com -o vits16.bin
            """;
        string description = $"Download the checkpoint of {WeightsDownloadOptions.DefaultRepository}, checked by size and SHA-256.";
        var command = new CliCommand("pull", description, Examples) { output, endpoint, revision };
        command.SetAction((parsed, cancellation) =>
        {
            var options = new WeightsDownloadOptions { Endpoint = parsed.GetValue(endpoint), Revision = parsed.GetValue(revision)! };
            return new WeightsJob(console).PullAsync(parsed.GetValue(output)!, options, cancellation);
        });
        return command;
    }

    private static CliCommand CreateInfo(CliConsole console)
    {
        Argument<string> file = FileArgument();
        Option<bool> json = Parsing.Switch("--json", "Print JSON, with the file's SHA-256.");
        Option<string?> branch = BranchOption();
        const string Examples = """
            dino weights info weights/pytorch_model.bin
            # the student of a training checkpoint
            dino weights info checkpoint.pth --branch student --json
            """;
        const string Notes = "The exit code is 1 for a checkpoint that cannot be loaded.";
        var command = new CliCommand("info", "List format, sizes and tensors of a checkpoint.", Examples, Notes) { file, json, branch };
        command.SetAction(parsed => new WeightsJob(console).Info(parsed.GetValue(file)!, parsed.GetValue(branch), parsed.GetValue(json)));
        return command;
    }

    private static CliCommand CreateConvert(CliConsole console)
    {
        Argument<string> file = FileArgument();
        Option<string> output = OutputOption();
        var type = new ChoiceOption<WeightsDataType>(
            "--dtype", "Element type in the file.", [("f32", WeightsDataType.Float32), ("f16", WeightsDataType.Float16)]);
        Option<string?> branch = BranchOption();
        const string Examples = """
            # for Hugging Face, with a config.json beside it
            dino weights convert checkpoint.pth -o vits16/model.safetensors
            """;
        var command = new CliCommand("convert", "Write a checkpoint as safetensors with Hugging Face's names.", Examples)
        {
            file, output, type, branch,
        };
        command.SetAction(parsed => new WeightsJob(console).Convert(
            parsed.GetValue(file)!, parsed.GetValue(branch), parsed.GetValue(output)!, parsed.GetValue(type)));
        return command;
    }

    private static CliCommand CreateSynth(CliConsole console)
    {
        Option<ulong> seed = Parsing.Seed("Seed, decimal or 0x...", SyntheticWeights.DefaultSeed);
        Option<string> output = OutputOption();
        const string Examples = """
            dino weights synth -o synthetic.safetensors
            """;
        const string Description = "Write seeded weights. They have the published model's sizes and mean nothing.";
        var command = new CliCommand("synth", Description, Examples) { seed, output };
        command.SetAction(parsed => new WeightsJob(console).Synthesize(parsed.GetValue(seed), parsed.GetValue(output)!));
        return command;
    }

    private static Argument<string> FileArgument() => new("FILE") { Description = "A checkpoint, or a folder with one." };

    private static Option<string> OutputOption() => new("-o", "--out", "--output")
    {
        Description = "The .safetensors file to write.",
        HelpName = "FILE",
        Required = true,
    };

    private static ChoiceOption<string?> BranchOption() => new(
        "--branch",
        "Model of a DINO training checkpoint. [default: teacher]",
        [("teacher", "teacher"), ("student", "student")], hasDefault: false);
}
