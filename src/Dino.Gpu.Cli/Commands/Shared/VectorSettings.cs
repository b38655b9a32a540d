using Dino.Gpu.Data.Rows;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Options on the command line that decide what a vector is.</summary>
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

/// <summary>
/// How images among the arguments become vectors, as the command line says, and which of it the user said.
/// </summary>
/// <param name="Standard">With the defaults for what is not given.</param>
/// <param name="Given">What is on the command line.</param>
internal sealed record VectorSettings(EmbeddingSourceSettings Standard, GivenOptions Given)
{
    /// <summary>The same, with what the user did not say as it was when earlier vectors were made.</summary>
    /// <param name="earlier">What made the vectors that images are compared with; null where it is not known.</param>
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
