using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Rows;

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
    Decode = 32,
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
        DinoOptions own = Standard.Model;
        DinoOptions made = earlier.Repeat(own);
        bool isSeeded = earlier.Weights.StartsWith("synthetic:", StringComparison.Ordinal);
        return Standard with
        {
            Weights = Standard.Weights ?? (isSeeded ? earlier.Weights : null),
            Embedder = Standard.Embedder with
            {
                Model = own with
                {
                    Branch = made.Branch,
                    InputWidth = Has(GivenOptions.Size) ? own.InputWidth : made.InputWidth,
                    InputHeight = Has(GivenOptions.Size) ? own.InputHeight : made.InputHeight,
                    Preprocess = Has(GivenOptions.Preprocess) ? own.Preprocess : made.Preprocess,
                    Decoder = Has(GivenOptions.Decode) || earlier.DecodeMode != "fast"
                        ? own.Decoder
                        : ImageDecoders.Create("skia", Standard.Embedder.MaxPixels, DecodeMode.Fast),
                    Orientation = Has(GivenOptions.Exif) ? own.Orientation : made.Orientation,
                    Interpolation = Has(GivenOptions.Interpolation) ? own.Interpolation : made.Interpolation,
                },
                Output = Has(GivenOptions.Output) ? Standard.Embedder.Output : earlier.Output,
            },
        };
    }

    private bool Has(GivenOptions option) => (Given & option) != 0;
}
