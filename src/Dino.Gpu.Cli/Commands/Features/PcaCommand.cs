using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino pca IMAGE... -o DIR</c>: what the patches of some images have in common, as colors.</summary>
internal sealed class PcaCommand(CliConsole console)
{
    private const string Examples = """
        # one picture by itself
        dino pca cat.jpg -o pca
        # a folder: the same color is the same thing in all of them
        dino pca photos -o pca
        # a film, frame by frame, at the shape of its pictures
        dino pca frames -o pca --size 640x360
        # the values, (rows, columns, 3)
        dino pca photos -o pca --npy --no-maps
        """;

    private const string Notes = "The model sees every image twice: first to find the components of all images, then to draw each one.";

    private static readonly ImageSize DefaultSize = new(480, 480); // like dino attention

    private readonly Argument<string[]> _inputs = InputOptions.Images();
    private readonly Option<string> _directory = InputOptions.Directory();
    private readonly Option<bool> _npy = Parsing.Switch("--npy", "Write the values too, STEM.pca.npy: (rows, columns, 3) float32.");
    private readonly Option<bool> _noMaps = Parsing.Switch("--no-maps", "Omit the pictures STEM.pca.png.");
    private readonly Option<bool> _json = Parsing.Json();
    private readonly EncoderOptions _encoder = new(
        console, "Input size of the model, width first. A larger size gives finer pictures. [default: 480]");

    public static Command Create(CliConsole console)
    {
        var pca = new PcaCommand(console);
        var command = new CliCommand(
            "pca",
            "Draw the first three principal components of the patch tokens as red, green and blue, with one basis for all images.",
            Examples,
            Notes)
        {
            pca._inputs, pca._directory, pca._npy, pca._noMaps, pca._json,
        };
        pca._encoder.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(pca._noMaps) && !result.GetValue(pca._npy))
                result.AddError(UsageErrors.Of("--no-maps leaves nothing to write", "add --npy"));
        });
        command.SetAction((parsed, cancellation) => new PcaJob(pca.Settings(parsed), console).RunAsync(cancellation));
        return command;
    }

    private PcaSettings Settings(ParseResult parsed) => new()
    {
        Inputs = parsed.GetValue(_inputs)!,
        Directory = parsed.GetValue(_directory)!,
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed, DefaultSize),
        Maps = !parsed.GetValue(_noMaps),
        Npy = parsed.GetValue(_npy),
        MaxPixels = _encoder.MaxPixels(parsed),
        Json = parsed.GetValue(_json),
    };
}
