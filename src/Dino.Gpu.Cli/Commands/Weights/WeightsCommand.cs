using System.CommandLine;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino weights</c>: downloads, inspects and converts checkpoints, and writes seeded weights.</summary>
internal static class WeightsCommand
{
    public static Command Create(CliConsole console) => new("weights", "Download, inspect, convert or generate model weights.")
    {
        CreatePull(console),
        CreateInfo(console),
        CreateConvert(console),
        CreateSynth(console),
    };

    private static CliCommand CreatePull(CliConsole console)
    {
        var model = new Argument<string?>("MODEL")
        {
            Description = "A model that 'dino models' lists. [default: dino-vits16]",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> output = Parsing.File("-o", "File to write. [default: below weights/, in a folder of its own for another model]");
        output.Aliases.Add("--out");
        output.Aliases.Add("--output");
        Option<string?> repository = Text(
            "--repository", $"Another model on the hub. [default: {WeightsDownloadOptions.DefaultRepository}]", "OWNER/NAME");
        Option<string?> file = Text(
            "--file",
            $"File of the model. [default: {CheckpointNames.Safetensors} of DINOv2 and DINOv3, {CheckpointNames.Torch} of another]",
            "NAME");
        Option<string?> revision = Text(
            "--revision", "Commit, tag or branch. [default: a pinned commit of dino-vits16, main of another model]", "REV");
        Option<string?> sha256 = Text(
            "--sha256",
            "Digest that the file must have. [default: pinned for dino-vits16; of another, that of its first download]",
            "HEX");
        Option<string?> endpoint = Text(
            "--endpoint",
            $"Hub or mirror. [default: {WeightsDownloadOptions.EndpointVariable}, else {WeightsDownloadOptions.DefaultEndpoint}]",
            "URL");
        Option<bool> json = Parsing.Json();
        const string Examples = """
            # into weights/, where every command finds them
            dino weights pull
            # from a mirror
            dino weights pull --endpoint https://hub.example.com -o vits16.bin
            # another model: 'dino models' lists them
            dino weights pull dinov2-small
            """;
        const string Notes = """
            A file that Hugging Face's tools have fetched already is copied from their cache. HF_TOKEN, HF_HUB_OFFLINE, HF_HOME and
            HF_HUB_CACHE count as they do there. The hub gives DINOv3 to those who accepted its license there, and asks for their token.
            """;
        var command = new CliCommand("pull", "Download a checkpoint from the hub, checked by size and SHA-256.", Examples, Notes)
        {
            model, output, repository, file, revision, sha256, endpoint, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var options = new WeightsDownloadOptions
            {
                Endpoint = parsed.GetValue(endpoint),
                Repository = WeightsJob.Repository(parsed.GetValue(model), parsed.GetValue(repository)),
                Revision = parsed.GetValue(revision)!,
                FileName = parsed.GetValue(file)!,
                Sha256 = parsed.GetValue(sha256),
            };
            return new WeightsJob(console, parsed.GetValue(json)).PullAsync(parsed.GetValue(output), options, cancellation);
        });
        return command;
    }

    private static CliCommand CreateInfo(CliConsole console)
    {
        Argument<string> file = FileArgument();
        Option<bool> json = Parsing.Json("Print JSON, with the file's SHA-256.");
        var checkpoint = new CheckpointArguments();
        const string Examples = """
            dino weights info weights/pytorch_model.bin
            # the student of a training checkpoint
            dino weights info checkpoint.pth --branch student --json
            """;
        const string Notes = "The exit code is 1 for a checkpoint that cannot be loaded.";
        var command = new CliCommand("info", "List format, sizes and tensors of a checkpoint.", Examples, Notes) { file, json };
        checkpoint.AddTo(command);
        command.SetAction((parsed, cancellation) => Task.Run(
            () => new WeightsJob(console, parsed.GetValue(json)).Info(parsed.GetValue(file)!, checkpoint.Read(parsed), cancellation),
            cancellation));
        return command;
    }

    private static CliCommand CreateConvert(CliConsole console)
    {
        Argument<string> file = FileArgument();
        Option<string> output = OutputOption();
        var type = new ChoiceOption<WeightsDataType>(
            "--dtype", "Element type in the file.", [("f32", WeightsDataType.Float32), ("f16", WeightsDataType.Float16)]);
        Option<bool> json = Parsing.Json();
        var checkpoint = new CheckpointArguments();
        const string Examples = """
            # for Hugging Face, with a config.json beside it
            dino weights convert checkpoint.pth -o vits16/model.safetensors
            """;
        var command = new CliCommand("convert", "Write a checkpoint as safetensors with Hugging Face's names.", Examples)
        {
            file, output, type, json,
        };
        checkpoint.AddTo(command);
        command.SetAction((parsed, cancellation) => Task.Run(
            () => new WeightsJob(console, parsed.GetValue(json)).Convert(
                parsed.GetValue(file)!, checkpoint.Read(parsed), parsed.GetValue(output)!, parsed.GetValue(type), cancellation),
            cancellation));
        return command;
    }

    private static CliCommand CreateSynth(CliConsole console)
    {
        Option<ulong> seed = Parsing.Seed("Seed, decimal or 0x...", SyntheticWeights.DefaultSeed);
        Option<string?> model = Text("--model", "Whose sizes they have: a model that 'dino models' lists.", "NAME", "dino-vits16");
        Option<string> output = OutputOption();
        Option<bool> json = Parsing.Json();
        const string Examples = """
            dino weights synth -o synthetic.safetensors
            dino weights synth --model dinov2-small -o synthetic.safetensors
            """;
        const string Description = "Write seeded weights. They have a published model's sizes and mean nothing.";
        var command = new CliCommand("synth", Description, Examples) { seed, model, output, json };
        command.SetAction((parsed, cancellation) => Task.Run(
            () => new WeightsJob(console, parsed.GetValue(json)).Synthesize(
                parsed.GetValue(model)!, parsed.GetValue(seed), parsed.GetValue(output)!, cancellation),
            cancellation));
        return command;
    }

    private static Argument<string> FileArgument() => new("FILE") { Description = "A checkpoint, or a folder with one." };

    private static Option<string> OutputOption()
    {
        var option = new Option<string>("-o", "--out", "--output")
        {
            Description = "The .safetensors file to write.",
            HelpName = "FILE",
            Required = true,
        };
        option.Validators.Add(Parsing.RefuseStandardStream);
        return option;
    }

    private static Option<string?> Text(string name, string description, string helpName, string? standard = null) => new(name)
    {
        Description = description,
        HelpName = helpName,
        DefaultValueFactory = standard is null ? null : _ => standard,
    };
}
