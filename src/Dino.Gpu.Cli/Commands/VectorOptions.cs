using System.CommandLine;
using Dino.Gpu.Cli.Embedding;
using Dino.Gpu.Cli.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options of the commands that compare vectors: how images among their arguments become some.</summary>
internal sealed class VectorOptions
{
    /// <summary>Description of arguments that may be either.</summary>
    public const string Description =
        "Embeddings (.npy, .npz, .jsonl, .csv, .parquet or .safetensors, or the folder of a run), or images, folders, globs, .tar archives, @list.txt, which are embedded now.";

    private readonly Option<string> _output = new("--output")
    {
        Description = "Vector of an image that is embedded now: cls (the class token), mean (of the patch tokens) or cls+mean.",
        HelpName = "WHAT",
        DefaultValueFactory = _ => "cls",
    };

    private readonly ModelOptions _model = new();
    private readonly Option<PreprocessPreset> _preprocess = ImageOptions.Preprocess();
    private readonly Option<ImageSize?> _size = ImageOptions.Size("Input size of the model, width first. [default: what it was trained on]");
    private readonly Option<ExifOrientation> _exif = ImageOptions.Exif();
    private readonly Option<string> _decoder = ImageOptions.Decoder();
    private readonly Option<long> _maxPixels = ImageOptions.MaxPixels();

    public VectorOptions() => _output.AcceptOnlyFromAmong("cls", "mean", "cls+mean");

    public void AddTo(Command command)
    {
        command.Options.Add(_output);
        _model.AddTo(command);
        command.Options.Add(_preprocess);
        command.Options.Add(_size);
        command.Options.Add(_exif);
        command.Options.Add(_decoder);
        command.Options.Add(_maxPixels);
    }

    /// <summary>What the options say.</summary>
    public EmbeddingSourceSettings Settings(ParseResult parsed, bool verbose, bool quiet)
    {
        ImageSize? size = parsed.GetValue(_size);
        return new EmbeddingSourceSettings
        {
            Weights = _model.Weights(parsed),
            Model = _model.Apply(parsed, new DinoOptions
            {
                Preprocess = parsed.GetValue(_preprocess),
                InputWidth = size?.Width,
                InputHeight = size?.Height,
                Orientation = parsed.GetValue(_exif),
                Decoder = ImageDecoders.Create(parsed.GetValue(_decoder)!, parsed.GetValue(_maxPixels)),
            }),
            Pooling = parsed.GetValue(_output)!,
            Workers = _model.Workers(parsed),
            Quiet = quiet,
            Verbose = verbose,
        };
    }
}
