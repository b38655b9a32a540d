using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino features IMAGE... -o DIR</c>: writes a vector for every patch, as arrays.</summary>
internal sealed class FeaturesCommand(CliConsole console)
{
    private const string Examples = """
        # patch tokens of the last layer, (14, 14, 384)
        dino features cat.jpg -o out
        # a finer grid, (30, 30, 384)
        dino features photos -o out --size 480
        # the residual stream after three blocks
        dino features cat.jpg -o out --layer 5,8,-1 --raw
        # keys of the last layer, as LOST and TokenCut take them
        dino features cat.jpg -o out --what keys
        # class tokens of four blocks, (4, 384), as eval_linear.py
        dino features cat.jpg -o out --last-blocks 4
        # one file per image
        dino features cat.jpg -o out --what tokens,keys --format safetensors
        """;

    private const string Safetensors = "safetensors";

    private static readonly Dictionary<string, PatchFeature> FeatureNames = new()
    {
        ["tokens"] = PatchFeature.Tokens,
        ["keys"] = PatchFeature.Keys,
        ["queries"] = PatchFeature.Queries,
        ["values"] = PatchFeature.Values,
        ["rotated-queries"] = PatchFeature.RotatedQueries,
        ["rotated-keys"] = PatchFeature.RotatedKeys,
    };

    private readonly Argument<string[]> _inputs = InputOptions.Images();
    private readonly Option<string> _directory = InputOptions.Directory();

    private readonly Option<int[]> _layers = new("--layer")
    {
        Description = "Layers of the model, counted from 0, or from the end: -1 is the last. [default: -1]",
        HelpName = "N,...",
        CustomParser = result =>
            [.. Parsing.List<int>(result, "--layer", "numbers of layers, such as 8 or 8,-1", TryReadLayer).Distinct()],
    };

    private readonly Option<PatchFeature[]> _what = new("--what")
    {
        Description = "What to write for each patch. tokens: those after the final LayerNorm. keys, queries, values: those of the "
            + "attention, heads side by side, before RoPE. rotated-keys, rotated-queries: after it, as attention reads them. "
            + "[default: tokens]",
        HelpName = "WHAT,...",
        CustomParser = result =>
            [.. Parsing.List<PatchFeature>(result, "--what", string.Join(", ", FeatureNames.Keys), FeatureNames.TryGetValue).Distinct()],
    };

    private readonly Option<bool> _raw = Parsing.Switch(
        "--raw", "Write the tokens of the residual stream, before the final LayerNorm: STEM.residual-layerN.");

    private readonly Option<long> _lastBlocks = new("--last-blocks")
    {
        Description = "Write the class tokens of the last N blocks after the final LayerNorm, (N, hidden), as STEM.lastN. "
            + "Without --layer and --what nothing else is written.",
        HelpName = "N",
        CustomParser = result => Parsing.Whole(result, "--last-blocks", 1, ModelLayers.Most),
    };

    private readonly ChoiceOption<string> _format = new(
        "--format",
        "Format of the files. npy: one file per array, STEM.tokens-layerN.npy. "
            + "safetensors: one file per image, STEM.features.safetensors, with arrays of these names.",
        [("npy", "npy"), (Safetensors, Safetensors)]);

    private readonly Option<bool> _json = Parsing.Json();
    private readonly EncoderOptions _encoder = new(
        console, "Input size of the model, width first. A larger size gives a finer grid. [default: what it was trained on]");

    private static bool TryReadLayer(string text, out int layer) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out layer);

    public static Command Create(CliConsole console)
    {
        var features = new FeaturesCommand(console);
        var command = new CliCommand(
            "features",
            "Write a vector for every patch: tokens, keys, queries or values of any layers, as (rows, columns, channels).",
            Examples)
        {
            features._inputs, features._directory, features._layers, features._what, features._raw, features._lastBlocks, features._format,
            features._json,
        };
        features._encoder.AddTo(command);
        command.Validators.Add(features.Check);
        command.SetAction((parsed, cancellation) => new FeatureJob(features.Settings(parsed), console).RunAsync(cancellation));
        return command;
    }

    private void Check(CommandResult result)
    {
        bool tokens = result.GetResult(_what) is { } what
            ? what.Tokens.SelectMany(token => token.Value.Split(',')).Contains("tokens") // not GetValue: it throws on wrong values
            : result.GetResult(_layers) is not null || result.GetResult(_lastBlocks) is null;
        if (result.GetValue(_raw) && !tokens)
            result.AddError(UsageErrors.Of("--raw is for tokens, and none are written", "add --what tokens"));
    }

    private FeatureSettings Settings(ParseResult parsed) => new()
    {
        Inputs = parsed.GetValue(_inputs)!,
        Directory = parsed.GetValue(_directory)!,
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed),
        What = new FeatureSet(
            parsed.GetValue(_directory)!, Features(parsed), (int)parsed.GetValue(_lastBlocks), parsed.GetValue(_format) == Safetensors),
        Layers = parsed.GetValue(_layers) is { Length: > 0 } layers ? layers : [-1],
        MaxPixels = _encoder.MaxPixels(parsed),
        Json = parsed.GetValue(_json),
    };

    /// <summary>Tokens unless something else is asked for; with <c>--raw</c> those of the residual stream.</summary>
    private PatchFeature[] Features(ParseResult parsed)
    {
        bool classTokensOnly = parsed.GetResult(_lastBlocks) is not null && parsed.GetResult(_layers) is null;
        PatchFeature[] features = parsed.GetValue(_what) is { Length: > 0 } what ? what : classTokensOnly ? [] : [PatchFeature.Tokens];
        return parsed.GetValue(_raw)
            ? [.. features.Select(feature => feature == PatchFeature.Tokens ? PatchFeature.Residual : feature)]
            : features;
    }
}
