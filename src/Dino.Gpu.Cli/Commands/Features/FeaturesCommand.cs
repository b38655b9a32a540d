using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino features IMAGE... -o DIR</c>: a vector for every patch, as arrays.</summary>
internal sealed class FeaturesCommand
{
    public const string Examples = """
          dino features cat.jpg -o out                            patch tokens of the last layer, (14, 14, 384)
          dino features photos -o out --size 480                  a finer grid, (30, 30, 384)
          dino features cat.jpg -o out --layer 5,8,-1 --raw       the residual stream after three blocks
          dino features cat.jpg -o out --what keys                keys of the last layer, as LOST and TokenCut take them
          dino features cat.jpg -o out --last-blocks 4            class tokens of four blocks, (4, 384), as eval_linear.py
          dino features cat.jpg -o out --what tokens,keys --format safetensors
        """;

    private static readonly Dictionary<string, PatchFeature> FeatureNames = new()
    {
        ["tokens"] = PatchFeature.Tokens,
        ["keys"] = PatchFeature.Keys,
        ["queries"] = PatchFeature.Queries,
        ["values"] = PatchFeature.Values,
    };

    private readonly Argument<string[]> _inputs = new("INPUT")
    {
        Description = InputOptions.Description,
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _directory = new("-o", "--out") { Description = "Directory to write into, made if it is not there.", HelpName = "DIR", Required = true };

    private readonly Option<int[]> _layers = new("--layer")
    {
        Description = "Layers of the model, counted from 0, or from the end: -1 is the last. [default: -1]",
        HelpName = "N,...",
        CustomParser = result => Parse<int>(result, "--layer", "numbers of layers, such as 8 or 8,-1", (string text, out int layer) =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out layer)),
    };

    private readonly Option<PatchFeature[]> _what = new("--what")
    {
        Description = "tokens: through the final LayerNorm. keys, queries, values: of the attention, heads side by side. [default: tokens]",
        HelpName = "WHAT,...",
        CustomParser = result => Parse<PatchFeature>(result, "--what", string.Join(", ", FeatureNames.Keys), FeatureNames.TryGetValue),
    };

    private readonly Option<bool> _raw = new("--raw") { Description = "Tokens without the final LayerNorm, as they stand in the residual stream: STEM.residual-layerN." };

    private readonly Option<long> _lastBlocks = new("--last-blocks")
    {
        Description = "Class tokens of the last N blocks after the final LayerNorm, (N, hidden), in STEM.lastN; alone where neither --layer nor --what is given.",
        HelpName = "N",
        CustomParser = result => Parsing.Whole(result, "--last-blocks", 1, 63),
    };

    private readonly Option<string> _format = new("--format")
    {
        Description = "npy: one file an array, STEM.tokens-layerN.npy. safetensors: one file an image, STEM.features.safetensors, with arrays of these names.",
        HelpName = "npy|safetensors",
        DefaultValueFactory = _ => "npy",
    };

    private readonly EncoderOptions _encoder = new("Input size of the model, width first: the larger, the finer the grid. [default: what it was trained on]");

    private FeaturesCommand() => _format.AcceptOnlyFromAmong("npy", "safetensors");

    private delegate bool TryRead<T>(string text, out T value);

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var features = new FeaturesCommand();
        var command = new Command("features", "Write a vector for every patch: tokens, keys, queries or values of any layers, as (rows, columns, channels).")
        {
            features._inputs, features._directory, features._layers, features._what, features._raw, features._lastBlocks, features._format,
        };
        features._encoder.AddTo(command);
        command.Validators.Add(result =>
        {
            bool tokens = result.GetResult(features._what) is { } what
                ? what.Tokens.SelectMany(token => token.Value.Split(',')).Contains("tokens") // values that are wrong would throw here
                : result.GetResult(features._layers) is not null || result.GetResult(features._lastBlocks) is null;
            if (result.GetValue(features._raw) && !tokens)
                result.AddError("--raw is about tokens, and none are written: add --what tokens");
        });
        command.SetAction((parsed, cancellation) => new FeatureJob(features.Settings(parsed, parsed.GetValue(verbose), parsed.GetValue(quiet)), console).RunAsync(cancellation));
        return command;
    }

    private FeatureSettings Settings(ParseResult parsed, bool verbose, bool quiet) => new()
    {
        Inputs = parsed.GetValue(_inputs)!,
        Directory = parsed.GetValue(_directory)!,
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed),
        Features = Features(parsed),
        Layers = parsed.GetValue(_layers) is { Length: > 0 } layers ? layers : [-1],
        LastBlocks = (int)parsed.GetValue(_lastBlocks),
        Safetensors = parsed.GetValue(_format) == "safetensors",
        MaxPixels = _encoder.MaxPixels(parsed),
        Quiet = quiet,
        Verbose = verbose,
    };

    /// <summary>Tokens where nothing else is asked for; with <c>--raw</c> those of the residual stream.</summary>
    private PatchFeature[] Features(ParseResult parsed)
    {
        bool classTokensOnly = parsed.GetResult(_lastBlocks) is not null && parsed.GetResult(_layers) is null;
        PatchFeature[] features = parsed.GetValue(_what) is { Length: > 0 } what ? what : classTokensOnly ? [] : [PatchFeature.Tokens];
        return parsed.GetValue(_raw) ? [.. features.Select(feature => feature == PatchFeature.Tokens ? PatchFeature.Residual : feature)] : features;
    }

    /// <summary>Values with commas between them.</summary>
    private static T[] Parse<T>(ArgumentResult result, string name, string expected, TryRead<T> read)
    {
        var values = new List<T>();
        foreach (string text in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (!read(text, out T value))
            {
                result.AddError($"{name}: expected {expected}, found '{text}'");
                return [];
            }

            values.Add(value);
        }

        return [.. values.Distinct()];
    }
}
