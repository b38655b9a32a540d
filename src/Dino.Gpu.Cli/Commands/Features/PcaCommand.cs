using System.CommandLine;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino pca IMAGE... -o DIR</c>: what the patches of some images have in common, as colors.</summary>
internal sealed class PcaCommand
{
    public const string Examples = """
          dino pca cat.jpg -o pca                    one picture by itself
          dino pca photos -o pca                     a folder: the same color is the same thing in all of them
          dino pca frames -o pca --size 640x360      a film, frame by frame, for the shape of its pictures
          dino pca photos -o pca --npy --no-maps     the values, (rows, columns, 3)
        """;

    private static readonly ImageSize DefaultSize = new(480, 480); // as dino attention

    private readonly Argument<string[]> _inputs = new("INPUT") { Description = InputOptions.Description, Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _directory = new("-o", "--out") { Description = "Directory to write into, made if it is not there.", HelpName = "DIR", Required = true };
    private readonly Option<bool> _npy = new("--npy") { Description = "The values too, STEM.pca.npy: (rows, columns, 3) float32." };
    private readonly Option<bool> _noMaps = new("--no-maps") { Description = "Leave the pictures STEM.pca.png out." };
    private readonly EncoderOptions _encoder = new("Input size of the model, width first: the larger, the finer the pictures. [default: 480]");

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var pca = new PcaCommand();
        var command = new Command("pca", "Draw the first three principal components of the patch tokens as red, green and blue, one basis for all images.")
        {
            pca._inputs, pca._directory, pca._npy, pca._noMaps,
        };
        pca._encoder.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(pca._noMaps) && !result.GetValue(pca._npy))
                result.AddError("--no-maps leaves nothing to write: add --npy");
        });
        command.SetAction((parsed, cancellation) => new PcaJob(
            new PcaSettings
            {
                Inputs = parsed.GetValue(pca._inputs)!,
                Directory = parsed.GetValue(pca._directory)!,
                Weights = pca._encoder.Weights(parsed),
                Model = pca._encoder.Model(parsed, DefaultSize),
                Maps = !parsed.GetValue(pca._noMaps),
                Npy = parsed.GetValue(pca._npy),
                MaxPixels = pca._encoder.MaxPixels(parsed),
                Quiet = parsed.GetValue(quiet),
                Verbose = parsed.GetValue(verbose),
            },
            console).RunAsync(cancellation));
        return command;
    }
}
