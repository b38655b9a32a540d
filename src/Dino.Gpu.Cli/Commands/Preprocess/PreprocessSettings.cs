using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino preprocess</c> writes.</summary>
internal enum PreprocessFormat
{
    /// <summary>The resized picture.</summary>
    Png,

    /// <summary>The normalized planes, (3, H, W) float32.</summary>
    Npy,
}

/// <summary>One <c>dino preprocess</c>, as the command line asks for it.</summary>
internal sealed record PreprocessSettings
{
    public required IReadOnlyList<string> Images { get; init; }

    /// <summary>Where the files go.</summary>
    public required string Directory { get; init; }

    public required PreprocessFormat Format { get; init; }

    public required Preprocessor Preprocessor { get; init; }

    public required IImageDecoder Decoder { get; init; }

    public required ExifOrientation Orientation { get; init; }

    /// <summary>Extension of the files, with the dot.</summary>
    public string Extension => Format == PreprocessFormat.Npy ? ".npy" : ".png";
}
