using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino bench</c>: measures images per second, and each step beside the device's measured peak.</summary>
internal sealed class BenchCommand
{
    private const string Examples = """
        # seeded weights, generated pictures, what --device auto picks
        dino bench
        # other batches, on one GPU
        dino bench --batches 1,8,32,128 --device cuda:0 --model-only
        # your pictures and weights, as JSON
        dino bench photos --weights vits16.safetensors --json > bench.json
        """;

    private const int MostRounds = 1_000_000;

    private readonly Argument<string[]> _inputs = new("INPUT")
    {
        Description = "Images, folders or globs for the end-to-end run. "
            + $"[default: {BenchJob.GeneratedCount} generated JPEGs of 500x375]",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<int[]> _batches = new("--batches")
    {
        Description = "Batch sizes, separated by commas. The last one is measured step by step and end to end.",
        HelpName = "N,N,...",
        DefaultValueFactory = _ => [1, 8, 32],
        CustomParser = result => Parsing.WholeList(result, "--batches", ModelOptions.LargestBatch),
    };

    private readonly Option<long> _rounds = Parsing.Whole("--rounds", "Rounds of each measurement; medians are shown.", 5, 1, MostRounds);
    private readonly Option<bool> _modelOnly = new("--model-only") { Description = "Leave out decoding and the end-to-end run." };
    private readonly Option<bool> _json = Parsing.Json("Print JSON instead of tables.");
    private readonly ModelOptions _model = new();
    private readonly Option<ImageSize?> _size = ImageOptions.Size(EncoderOptions.SizeDescription);
    private readonly Option<string> _decoder = ImageOptions.Decoder();

    public static Command Create(CliConsole console)
    {
        var bench = new BenchCommand();
        var command = new CliCommand(
            "bench", "Measure images per second: model only, end to end, and step by step beside the device's peak.", Examples)
        {
            bench._inputs, bench._batches, bench._rounds, bench._modelOnly, bench._json,
        };
        bench._model.AddTo(command, batch: false);
        command.Options.Add(bench._size);
        command.Options.Add(bench._decoder);
        command.Validators.Add(result =>
        {
            if (result.GetValue(bench._modelOnly) && result.GetValue(bench._inputs) is { Length: > 0 })
                result.AddError(UsageErrors.Of("--model-only: expected no INPUT, which the end-to-end run reads", "omit one of the two"));
        });
        command.SetAction((parsed, cancellation) => new BenchJob(bench.Settings(parsed, console), console).RunAsync(cancellation));
        return command;
    }

    private BenchSettings Settings(ParseResult parsed, CliConsole console)
    {
        int[] batches = parsed.GetValue(_batches)!;
        ImageSize? size = parsed.GetValue(_size);
        var options = new DinoOptions
        {
            InputWidth = size?.Width,
            InputHeight = size?.Height,
            Decoder = ImageDecoders.Create(parsed.GetValue(_decoder)!),
            Warning = console.Warn, // the user must know of a batch that was split
        };
        return new BenchSettings
        {
            Inputs = parsed.GetValue(_inputs)!,
            Batches = batches,
            Rounds = (int)parsed.GetValue(_rounds),
            // Speed does not depend on the values of the weights, so there is no need to download any.
            Weights = _model.Weights(parsed) ?? "synthetic",
            Model = _model.Apply(parsed, options) with { BatchSize = batches.Max() },
            Workers = _model.Workers(parsed),
            ModelOnly = parsed.GetValue(_modelOnly),
            Json = parsed.GetValue(_json),
        };
    }
}
