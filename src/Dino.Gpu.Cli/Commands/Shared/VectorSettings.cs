using Dino.Gpu.Data.Rows;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Options that change the vectors, as far as they are on the command line.</summary>
[Flags]
internal enum GivenOptions
{
    None = 0,
    Output = 1,
    Size = 2,
    Preprocess = 4,
    Exif = 8,
    Interpolation = 16,
}

/// <summary>How images among the arguments become vectors.</summary>
/// <param name="Standard">What the options say, with the defaults of those that are not given.</param>
/// <param name="Given">The options that are given.</param>
internal sealed record VectorSettings(EmbeddingSourceSettings Standard, GivenOptions Given)
{
    /// <summary>The settings for images that are compared with earlier vectors. Those replace the defaults.</summary>
    /// <param name="earlier">What made the earlier vectors; null if that is not known.</param>
    public EmbeddingSourceSettings Like(Provenance? earlier)
    {
        if (earlier is null)
            return Standard;
        DinoOptions model = Standard.Model;
        if (IsOpen(GivenOptions.Size) && ImageSize.TryParse(earlier.Size, out ImageSize size))
            model = model with { InputWidth = size.Width, InputHeight = size.Height };
        if (IsOpen(GivenOptions.Preprocess))
            model = model with { Preprocess = earlier.Preprocess == "dino" ? PreprocessPreset.Dino : PreprocessPreset.HuggingFace };
        if (IsOpen(GivenOptions.Exif))
            model = model with { Orientation = earlier.Exif == "ignore" ? ExifOrientation.Ignore : ExifOrientation.Apply };
        if (IsOpen(GivenOptions.Interpolation))
        {
            bool isScale = earlier.Interpolation == "scale";
            model = model with { Interpolation = isScale ? PositionInterpolation.Scale : PositionInterpolation.Size };
        }

        bool isSeeded = earlier.Weights.StartsWith("synthetic:", StringComparison.Ordinal);
        return Standard with
        {
            Weights = Standard.Weights ?? (isSeeded ? earlier.Weights : null),
            Embedder = Standard.Embedder with
            {
                Model = model,
                Output = IsOpen(GivenOptions.Output) ? earlier.Output : Standard.Embedder.Output,
            },
        };
    }

    private bool IsOpen(GivenOptions option) => (Given & option) == 0;
}
