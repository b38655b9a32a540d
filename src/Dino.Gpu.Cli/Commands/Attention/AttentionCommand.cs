using System.CommandLine;
using System.CommandLine.Parsing;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino attention IMAGE... -o DIR</c>: where the class token looks, as pictures.</summary>
internal sealed class AttentionCommand(CliConsole console)
{
    private const string Examples = """
        # every head and their mean, as the original draws them
        dino attention cat.jpg -o maps
        # one picture with all of them
        dino attention cat.jpg -o maps --sheet --no-maps
        # a sequence of frames, for a film
        dino attention frames -o maps --head mean --overlay
        # the part of the picture with 60 % of the attention
        dino attention cat.jpg -o maps --threshold 0.6
        # the first layer, and its values
        dino attention cat.jpg -o maps --layer 0 --npy
        # followed through all layers
        dino attention cat.jpg -o maps --head rollout
        """;

    private const string Rollout = "rollout";
    private const string ExpectedShare = "a share above 0 and up to 1, such as 0.6";

    private static readonly ImageSize DefaultSize = new(480, 480); // as in visualize_attention.py

    private readonly Argument<string[]> _inputs = InputOptions.Images();
    private readonly Option<string> _directory = InputOptions.Directory();

    private readonly Option<long> _layer = Parsing.Whole(
        "--layer", "Layer of the model, counted from 0, or from the end: -1 is the last.", -1, -ModelLayers.Most, ModelLayers.Most);

    private readonly Option<HeadChoice> _head = new("--head")
    {
        Description = "Heads to draw. all: every head and their mean. mean: only the mean. N: one head, counted from 0. "
            + "rollout: attention followed through all layers (Abnar and Zuidema). [default: all]",
        HelpName = "all|mean|N|rollout",
        CustomParser = result =>
        {
            if (HeadChoice.Parse(result.Tokens[0].Value) is { } choice)
                return choice;
            result.AddError($"--head: expected all, mean, rollout or the number of a head, found '{result.Tokens[0].Value}'");
            return null;
        },
    };

    private readonly ChoiceOption<ColorMap> _map = new("--map", "Colors, as in matplotlib.", ColorMap.All.Select(map => (map.Name, map)));
    private readonly Option<bool> _overlay = Parsing.Switch("--overlay", "Draw heat maps over the picture too, STEM.overlay-*.png.");

    private readonly Option<double> _alpha = Parsing.Number("--alpha", "Share of the heat map in an overlay.", 0.5, IsShare, ExpectedShare);

    private readonly Option<double?> _threshold = new("--threshold")
    {
        Description = "Write masks too, STEM.mask-*.png. They show the picture only where the attention is strongest: the patches that "
            + "hold this share of it. DINO's own pictures have 0.6.",
        HelpName = "SHARE",
        CustomParser = result => Parsing.Number(result, "--threshold", IsShare, ExpectedShare),
    };

    private readonly Option<bool> _sheet = Parsing.Switch(
        "--sheet", "Write a sheet too, STEM.attention-sheet.png: one picture with the image, the mean and every head.");

    private readonly Option<bool> _npy = Parsing.Switch(
        "--npy", "Write the values too, STEM.attention.npy: (maps, rows, columns) float32, the mean first, then the heads.");

    private readonly Option<bool> _noMaps = Parsing.Switch("--no-maps", "Omit the heat maps STEM.attention-*.png.");
    private readonly Option<bool> _json = Parsing.Json();
    private readonly EncoderOptions _encoder = new(
        console, "Input size of the model, width first. A larger size gives finer maps. [default: 480]");

    public static Command Create(CliConsole console)
    {
        var attention = new AttentionCommand(console);
        var command = new CliCommand(
            "attention",
            "Draw where the class token looks: heat maps of the heads and their mean, overlays, masks, contact sheets.",
            Examples)
        {
            attention._inputs, attention._directory, attention._layer, attention._head, attention._map, attention._overlay,
            attention._alpha, attention._threshold, attention._sheet, attention._npy, attention._noMaps, attention._json,
        };
        attention._encoder.AddTo(command);
        command.Validators.Add(attention.Check);
        command.SetAction((parsed, cancellation) => new AttentionJob(attention.Settings(parsed), console).RunAsync(cancellation));
        return command;
    }

    private void Check(CommandResult result)
    {
        bool overlay = result.GetValue(_overlay);
        if (result.IsGiven(_alpha) && !overlay)
            result.AddError(UsageErrors.Of("--alpha is for overlays", "add --overlay"));
        bool hasOthers = overlay || result.IsGiven(_threshold) || result.GetValue(_sheet) || result.GetValue(_npy);
        if (result.GetValue(_noMaps) && !hasOthers)
            result.AddError(UsageErrors.Of("--no-maps leaves nothing to write", "add --overlay, --threshold, --sheet or --npy"));
        if (result.GetResult(_head) is not { Tokens: [{ Value: Rollout }, ..] })
            return;
        if (result.IsGiven(_layer))
            result.AddError(UsageErrors.Of("--head rollout uses all layers", "omit --layer"));
        if (result.GetValue(_sheet))
            result.AddError(UsageErrors.Of("--head rollout has no heads for --sheet", "use --overlay, or another --head"));
    }

    private AttentionSettings Settings(ParseResult parsed) => new()
    {
        Inputs = parsed.GetValue(_inputs)!,
        Directory = parsed.GetValue(_directory)!,
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed, DefaultSize),
        Layer = (int)parsed.GetValue(_layer),
        Heads = parsed.GetValue(_head) ?? HeadChoice.Parse("all")!,
        Drawing = new AttentionDrawing(
            parsed.GetValue(_map)!,
            !parsed.GetValue(_noMaps),
            parsed.GetValue(_overlay) ? parsed.GetValue(_alpha) : null,
            parsed.GetValue(_threshold),
            parsed.GetValue(_sheet),
            parsed.GetValue(_npy)),
        MaxPixels = _encoder.MaxPixels(parsed),
        Json = parsed.GetValue(_json),
    };

    private static bool IsShare(double share) => share is > 0 and <= 1;
}
