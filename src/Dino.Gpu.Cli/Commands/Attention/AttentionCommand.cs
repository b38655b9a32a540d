using System.CommandLine;
using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Pictures;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino attention IMAGE... -o DIR</c>: where the class token looks, as pictures.</summary>
internal sealed class AttentionCommand
{
    public const string Examples = """
          dino attention cat.jpg -o maps                          every head and their mean, as the original draws them
          dino attention cat.jpg -o maps --sheet --no-maps        one picture with all of them
          dino attention frames -o maps --head mean --overlay     a sequence of frames, for a film
          dino attention cat.jpg -o maps --threshold 0.6          what 60 % of the attention is on
          dino attention cat.jpg -o maps --layer 0 --npy          the first layer, and its values
          dino attention cat.jpg -o maps --head rollout           followed through all layers
        """;

    private static readonly ImageSize DefaultSize = new(480, 480); // visualize_attention.py's

    private readonly Argument<string[]> _inputs = new("INPUT")
    {
        Description = InputOptions.Description,
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _directory = new("-o", "--out") { Description = "Directory to write into, made if it is not there.", HelpName = "DIR", Required = true };

    private readonly Option<int> _layer = new("--layer")
    {
        Description = "Layer of the model, counted from 0, or from the end: -1 is the last.",
        HelpName = "N",
        DefaultValueFactory = _ => -1,
    };

    private readonly Option<HeadChoice> _head = new("--head")
    {
        Description = "all: every head and their mean. mean: only that. N: one head, counted from 0. rollout: attention followed through all layers (Abnar and Zuidema). [default: all]",
        HelpName = "all|mean|N|rollout",
        CustomParser = result =>
        {
            if (HeadChoice.Parse(result.Tokens[0].Value) is { } choice)
                return choice;
            result.AddError($"--head: expected all, mean, rollout or the number of a head, found '{result.Tokens[0].Value}'");
            return null;
        },
    };

    private readonly Option<string> _map = new("--map")
    {
        Description = "Colors, as in matplotlib.",
        HelpName = string.Join('|', ColorMap.All.Select(map => map.Name)),
        DefaultValueFactory = _ => ColorMap.All[0].Name,
    };

    private readonly Option<bool> _overlay = new("--overlay") { Description = "Heat maps over the picture too, STEM.overlay-*.png." };
    private readonly Option<double> _alpha = Share("--alpha", "Share of the heat map in an overlay.", 0.5);
    private readonly Option<double?> _threshold = new("--threshold")
    {
        Description = "Masks too, STEM.mask-*.png: the picture where the strongest attention is, as many patches as hold this share of it; 0.6 in DINO's own pictures.",
        HelpName = "SHARE",
        CustomParser = result => ParseShare(result, "--threshold"),
    };

    private readonly Option<bool> _sheet = new("--sheet") { Description = "One picture with the image, the mean and every head too, STEM.attention-sheet.png." };
    private readonly Option<bool> _npy = new("--npy") { Description = "The values too, STEM.attention.npy: (maps, rows, columns) float32, the mean first, then the heads." };
    private readonly Option<bool> _noMaps = new("--no-maps") { Description = "Leave the heat maps STEM.attention-*.png out." };
    private readonly EncoderOptions _encoder = new("Input size of the model, width first: the larger, the finer the maps. [default: 480]");

    private AttentionCommand() => _map.AcceptOnlyFromAmong([.. ColorMap.All.Select(map => map.Name)]);

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var attention = new AttentionCommand();
        var command = new Command("attention", "Draw where the class token looks: heat maps of each head and their mean, overlays, masks, contact sheets.")
        {
            attention._inputs, attention._directory, attention._layer, attention._head, attention._map, attention._overlay, attention._alpha, attention._threshold,
            attention._sheet, attention._npy, attention._noMaps,
        };
        attention._encoder.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(attention._alpha) is { Implicit: false } && !result.GetValue(attention._overlay))
                result.AddError("--alpha is of overlays: add --overlay");
            if (result.GetValue(attention._noMaps) && !result.GetValue(attention._overlay) && result.GetResult(attention._threshold) is null
                && !result.GetValue(attention._sheet) && !result.GetValue(attention._npy))
                result.AddError("--no-maps leaves nothing to write: add --overlay, --threshold, --sheet or --npy");
            if (result.GetResult(attention._head) is not { Tokens: [{ Value: "rollout" }, ..] })
                return;
            if (result.GetResult(attention._layer) is { Implicit: false })
                result.AddError("--head rollout is of all layers: leave --layer out");
            if (result.GetValue(attention._sheet))
                result.AddError("--head rollout has no heads for --sheet: use --overlay, or another --head");
        });
        command.SetAction((parsed, cancellation) => new AttentionJob(attention.Settings(parsed, parsed.GetValue(verbose), parsed.GetValue(quiet)), console).RunAsync(cancellation));
        return command;
    }

    private AttentionSettings Settings(ParseResult parsed, bool verbose, bool quiet) => new()
    {
        Inputs = parsed.GetValue(_inputs)!,
        Directory = parsed.GetValue(_directory)!,
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed, DefaultSize),
        Layer = parsed.GetValue(_layer),
        Heads = parsed.GetValue(_head) ?? HeadChoice.Parse("all")!,
        Drawing = new AttentionDrawing(
            ColorMap.All.Single(map => map.Name == parsed.GetValue(_map)),
            !parsed.GetValue(_noMaps),
            parsed.GetValue(_overlay) ? parsed.GetValue(_alpha) : null,
            parsed.GetValue(_threshold),
            parsed.GetValue(_sheet),
            parsed.GetValue(_npy)),
        MaxPixels = _encoder.MaxPixels(parsed),
        Quiet = quiet,
        Verbose = verbose,
    };

    private static Option<double> Share(string name, string description, double standard) => new(name)
    {
        Description = description,
        HelpName = "SHARE",
        DefaultValueFactory = _ => standard,
        CustomParser = result => ParseShare(result, name) ?? standard,
    };

    private static double? ParseShare(System.CommandLine.Parsing.ArgumentResult result, string name)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double share) && share is > 0 and <= 1)
            return share;
        result.AddError($"{name}: expected a share above 0 and up to 1, such as 0.6, found '{text}'");
        return null;
    }
}
