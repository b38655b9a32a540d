using System.CommandLine;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino preprocess INPUT... -o DIR</c>: what the model sees, to compare with other software.</summary>
internal sealed class PreprocessCommand
{
    private const string Examples = """
        # the resized pictures
        dino preprocess cat.jpg dog.jpg -o seen
        # the normalized planes, as the original evaluation makes them
        dino preprocess cat.jpg -o seen --format npy --preprocess dino
        """;

    private readonly Argument<string[]> _inputs = InputOptions.Images();
    private readonly Option<string> _directory = InputOptions.Directory();

    private readonly ChoiceOption<PreprocessFormat> _format = new(
        "--format",
        "Format of the files. png: the resized picture. npy: the normalized planes, (3, H, W) float32.",
        [("png", PreprocessFormat.Png), ("npy", PreprocessFormat.Npy)]);

    private readonly Option<PreprocessPreset> _preset = ImageOptions.Preprocess();
    private readonly Option<ImageSize?> _size = ImageOptions.Size("Input size of the model, width first. [default: 224, or as -w says]");

    private readonly Option<string?> _weights = new("--weights", "-w")
    {
        Description = "Checkpoint whose preprocessor_config.json and input size count. [default: as the published ViT-S/16]",
        HelpName = "PATH",
    };

    private readonly Option<bool> _json = Parsing.Json();
    private readonly CheckpointArguments _checkpoint = new();
    private readonly Option<ExifOrientation> _exif = ImageOptions.Exif();
    private readonly Option<string> _decoder = ImageOptions.Decoder();
    private readonly Option<DecodeMode> _decode = ImageOptions.Decode();
    private readonly Option<long> _maxPixels = ImageOptions.MaxPixels();

    public static Command Create(CliConsole console)
    {
        var preprocess = new PreprocessCommand();
        var command = new CliCommand(
            "preprocess",
            "Write what the model sees: every picture decoded, resized and cropped, as PNG or as .npy of the normalized planes.",
            Examples)
        {
            preprocess._inputs, preprocess._directory, preprocess._format, preprocess._weights, preprocess._preset, preprocess._size,
            preprocess._exif, preprocess._decoder, preprocess._decode, preprocess._maxPixels, preprocess._json,
        };
        preprocess._checkpoint.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            PreparedPictures pictures = preprocess.Pictures(parsed);
            bool json = parsed.GetValue(preprocess._json);
            return new PreprocessJob(parsed.GetValue(preprocess._inputs)!, pictures, json, console).RunAsync(cancellation);
        });
        return command;
    }

    private PreparedPictures Pictures(ParseResult parsed)
    {
        ImageSize? size = parsed.GetValue(_size);
        return new PreparedPictures
        {
            Directory = parsed.GetValue(_directory)!,
            Format = parsed.GetValue(_format),
            Preprocessor = CheckpointInfo.PreprocessorOf(
                parsed.GetValue(_weights), parsed.GetValue(_preset), size?.Width, size?.Height,
                _checkpoint.Read(parsed)),
            Decoder = ImageDecoders.Create(parsed.GetValue(_decoder)!, parsed.GetValue(_maxPixels), parsed.GetValue(_decode)),
            Orientation = parsed.GetValue(_exif),
        };
    }
}
