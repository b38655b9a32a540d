using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Options of decoding and preprocessing that several commands share. Each call makes a new option.</summary>
internal static class ImageOptions
{
    /// <summary><c>--preprocess hf|dino</c>.</summary>
    public static Option<PreprocessPreset> Preprocess() => new ChoiceOption<PreprocessPreset>(
        "--preprocess",
        "How a picture becomes the model's input. hf: as preprocessor_config.json beside the weights says; without one, squash to the "
            + "input size, bilinear, as Hugging Face. "
            + "dino: shorter side to 8/7 of it, bicubic, center crop, as the original evaluation.",
        [("hf", PreprocessPreset.HuggingFace), ("dino", PreprocessPreset.Dino)]);

    /// <summary><c>--exif apply|ignore</c>.</summary>
    public static Option<ExifOrientation> Exif() => new ChoiceOption<ExifOrientation>(
        "--exif",
        "apply: turn pictures upright, as their EXIF orientation says. ignore: take the pixels as stored.",
        [("apply", ExifOrientation.Apply), ("ignore", ExifOrientation.Ignore)]);

    /// <summary><c>--decoder auto|skia|stb</c>, for <see cref="ImageDecoders.Create"/>.</summary>
    public static Option<string> Decoder() => new ChoiceOption<string>(
        "--decoder",
        "Image decoder. skia: native, fast, reads WebP and TIFF. stb: managed, the same pixels. auto: skia if it loads.",
        ImageDecoders.Names.Select(name => (name, name)));

    /// <summary><c>--decode exact|fast</c>.</summary>
    public static Option<DecodeMode> Decode() => new ChoiceOption<DecodeMode>(
        "--decode",
        "exact: every pixel, as Pillow. fast: large JPEGs at a fraction of their size, which moves embeddings a little.",
        [("exact", DecodeMode.Exact), ("fast", DecodeMode.Fast)]);

    /// <summary><c>--max-pixels N</c>, for <see cref="ImageDecoders.Create"/>.</summary>
    public static Option<long> MaxPixels() => Parsing.Whole(
        "--max-pixels",
        "Most pixels of a picture. A picture whose header says more fails before it is decoded. Fewer if memory is short.",
        PixelBudget.LargestPicture,
        1,
        ImageHeader.LargestMaxPixels);

    /// <summary><c>--size N|WxH</c>; null if it is not given.</summary>
    public static Option<ImageSize?> Size(string description) => new("--size")
    {
        Description = description,
        HelpName = "N|WxH",
        CustomParser = result =>
        {
            if (ImageSize.TryParse(result.Tokens[0].Value, out ImageSize size))
                return size;
            result.AddError(
                $"--size: expected pixels as N or WIDTHxHEIGHT, such as 224 or 320x240, and at most {ImageHeader.MaxPixels} of them, "
                + $"found '{result.Tokens[0].Value}'");
            return null;
        },
    };
}
