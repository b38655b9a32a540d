using System.CommandLine;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// The options of a command that shows pictures to the model: those of the model, then those of its input.
/// </summary>
/// <param name="console">Told in a warning when the model runs in a way that was not asked for.</param>
/// <param name="size">Description of <c>--size</c>.</param>
internal sealed class EncoderOptions(CliConsole console, string size = EncoderOptions.SizeDescription)
{
    /// <summary>The usual description of <c>--size</c>.</summary>
    public const string SizeDescription = "Input size of the model, width first. "
        + "[default: as preprocessor_config.json beside the weights says, else what it was trained on]";

    private readonly ModelOptions _model = new();
    private readonly Option<PreprocessPreset> _preprocess = ImageOptions.Preprocess();
    private readonly Option<ImageSize?> _size = ImageOptions.Size(size);
    private readonly Option<ExifOrientation> _exif = ImageOptions.Exif();
    private readonly Option<string> _decoder = ImageOptions.Decoder();
    private readonly Option<DecodeMode> _decode = ImageOptions.Decode();
    private readonly Option<long> _maxPixels = ImageOptions.MaxPixels();

    /// <summary>Those that decide how an image becomes a row.</summary>
    public IEnumerable<Option> Choices => [.. _model.Choices, _preprocess, _size, _exif, _decoder, _decode, _maxPixels];

    /// <param name="command">Gets the options.</param>
    /// <param name="precision">Whether <c>--precision</c> is one of them.</param>
    public void AddTo(Command command, bool precision = true)
    {
        _model.AddTo(command, precision: precision);
        command.Options.Add(_preprocess);
        command.Options.Add(_size);
        command.Options.Add(_exif);
        command.Options.Add(_decoder);
        command.Options.Add(_decode);
        command.Options.Add(_maxPixels);
    }

    /// <summary>Value of <c>--weights</c>, or null to look in the usual places.</summary>
    public string? Weights(ParseResult parsed) => _model.Weights(parsed);

    /// <summary>How many files are decoded at the same time.</summary>
    public int Workers(ParseResult parsed) => _model.Workers(parsed);

    /// <summary>Value of <c>--max-pixels</c>.</summary>
    public long MaxPixels(ParseResult parsed) => parsed.GetValue(_maxPixels);

    /// <summary>Those of <see cref="GivenOptions"/> that are on the command line.</summary>
    public GivenOptions Given(ParseResult parsed) => _model.Given(parsed)
        | (parsed.IsGiven(_size) ? GivenOptions.Size : 0)
        | (parsed.IsGiven(_preprocess) ? GivenOptions.Preprocess : 0)
        | (parsed.IsGiven(_exif) ? GivenOptions.Exif : 0)
        | (parsed.IsGiven(_decode) || parsed.IsGiven(_decoder) ? GivenOptions.Decode : 0);

    /// <summary>The options of the encoder, with a decoder.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="standard">The default of <c>--size</c>; null for what the model was trained on.</param>
    public DinoOptions Model(ParseResult parsed, ImageSize? standard = null)
    {
        ImageSize? size = parsed.GetValue(_size) ?? standard;
        return _model.Apply(parsed, new DinoOptions
        {
            Preprocess = parsed.GetValue(_preprocess),
            InputWidth = size?.Width,
            InputHeight = size?.Height,
            Orientation = parsed.GetValue(_exif),
            Decoder = ImageDecoders.Create(parsed.GetValue(_decoder)!, parsed.GetValue(_maxPixels), parsed.GetValue(_decode)),
            Warning = console.Warn,
        });
    }
}
