using System.CommandLine;
using System.Globalization;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>A size on the command line: <c>224</c> or <c>320x240</c>, width first.</summary>
internal readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Reads <c>N</c> or <c>WxH</c>.</summary>
    public static bool TryParse(string text, out ImageSize size)
    {
        string[] sides = text.Split('x', 'X');
        size = default;
        if (sides.Length > 2
            || !int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            || !int.TryParse(sides[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            || width < 1 || height < 1 || (long)width * height > ImageHeader.MaxPixels)
            return false;
        size = new ImageSize(width, height);
        return true;
    }

    public override string ToString() => $"{Width}x{Height}";
}

/// <summary>The options on decoding and preprocessing that several commands share. Every call makes a new option, for one command.</summary>
internal static class ImageOptions
{
    /// <summary><c>--preprocess hf|dino</c>.</summary>
    public static Option<PreprocessPreset> Preprocess() => Choice(
        "--preprocess",
        "hf: squash to the input size, BILINEAR, as Hugging Face. dino: shorter side to 8/7 of it, BICUBIC, center crop, as the original evaluation.",
        ("hf", PreprocessPreset.HuggingFace),
        ("dino", PreprocessPreset.Dino));

    /// <summary><c>--exif apply|ignore</c>.</summary>
    public static Option<ExifOrientation> Exif() => Choice(
        "--exif",
        "Turn pictures upright as their EXIF orientation says, or take the pixels as stored.",
        ("apply", ExifOrientation.Apply),
        ("ignore", ExifOrientation.Ignore));

    /// <summary><c>--decoder auto|skia|stb</c>, for <see cref="ImageDecoders.Create"/>.</summary>
    public static Option<string> Decoder()
    {
        var option = new Option<string>("--decoder")
        {
            Description = "skia: native, exact, fast, reads WebP. stb: managed, JPEG a few levels off. auto: skia where it loads.",
            DefaultValueFactory = _ => ImageDecoders.Names[0],
        };
        option.AcceptOnlyFromAmong([.. ImageDecoders.Names]);
        return option;
    }

    /// <summary><c>--max-pixels N</c>, for <see cref="ImageDecoders.Create"/>.</summary>
    public static Option<long> MaxPixels()
    {
        var option = new Option<long>("--max-pixels")
        {
            Description = "Most pixels a picture may have; one whose header says more fails before it is decoded, so that it cannot take the memory.",
            HelpName = "N",
            DefaultValueFactory = _ => ImageHeader.MaxPixels,
            CustomParser = result => Parsing.Whole(result, "--max-pixels", 1, ImageHeader.LargestMaxPixels),
        };
        return option;
    }

    /// <summary><c>--size N|WxH</c>; null when it is not given.</summary>
    public static Option<ImageSize?> Size(string description) => new("--size")
    {
        Description = description,
        HelpName = "N|WxH",
        CustomParser = result =>
        {
            if (ImageSize.TryParse(result.Tokens[0].Value, out ImageSize size))
                return size;
            result.AddError($"--size: expected pixels as N or WIDTHxHEIGHT, such as 224 or 320x240, found '{result.Tokens[0].Value}'");
            return null;
        },
    };

    /// <summary>An option with a few named values. The first, the type's zero, is what it has when it is not given; help shows the default by its name here.</summary>
    private static Option<T> Choice<T>(string name, string description, params (string Name, T Value)[] choices)
        where T : struct, Enum
    {
        var option = new Option<T>(name)
        {
            Description = $"{description} [default: {choices[0].Name}]",
            HelpName = string.Join('|', choices.Select(choice => choice.Name)),
            CustomParser = result =>
            {
                string given = result.Tokens[0].Value;
                foreach ((string known, T value) in choices)
                {
                    if (known.Equals(given, StringComparison.OrdinalIgnoreCase))
                        return value;
                }

                result.AddError($"{name}: expected {string.Join(" or ", choices.Select(choice => choice.Name))}, found '{given}'");
                return default;
            },
        };
        option.CompletionSources.Add([.. choices.Select(choice => choice.Name)]);
        return option;
    }
}
