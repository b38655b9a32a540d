using Dino.Gpu.Data.Rows;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>How images become rows.</summary>
public sealed record EmbedderOptions
{
    /// <summary>
    /// Device, precision, preprocessing. The default decoder is the exact one, <see cref="Imaging.SkiaImageDecoder"/>.
    /// </summary>
    public DinoOptions Model { get; init; } = new();

    /// <summary>
    /// What to make of an image, as <c>dino embed --output</c> takes it: <c>cls</c>, <c>mean</c>, <c>tokens</c> and so
    /// on.
    /// </summary>
    public string Output { get; init; } = "cls";

    /// <summary>Whether every vector is scaled to length 1.</summary>
    public bool Normalize { get; init; }

    /// <summary>Whether rows carry the SHA-256 of their image file.</summary>
    public bool Sha256 { get; init; }

    /// <summary>
    /// Most pixels of a picture, at least 1. If its header says more, its row fails before it is decoded.
    /// </summary>
    public long MaxPixels { get; init; } = PixelBudget.LargestPicture;

    /// <summary>Files read and decoded at the same time, from 1 to 1024; null for one a core.</summary>
    public int? Workers { get; init; }

    /// <summary>How long one file may take to be read and decoded before its row fails: up to a day.</summary>
    public TimeSpan ImageTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <exception cref="ArgumentNullException">A property is null.</exception>
    /// <exception cref="DinoException">A value is outside of what an embedder can do.</exception>
    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Model);
        ArgumentNullException.ThrowIfNull(Output);
        if (OutputKind.Parse(Output) is null)
            throw new DinoException($"there is no output '{Output}', expected {OutputKind.Names}");
        if (MaxPixels is < 1 or > ImageHeader.LargestMaxPixels)
            throw new DinoException($"the most pixels of a picture are {MaxPixels} (expected 1 to {ImageHeader.LargestMaxPixels})");
        if (Workers is < 1 or > 1024)
            throw new DinoException($"the number of workers is {Workers} (expected 1 to 1024)");
        if (ImageTimeout <= TimeSpan.Zero || ImageTimeout > TimeSpan.FromDays(1))
            throw new DinoException($"the time for an image is {ImageTimeout} (expected more than 0, up to a day)");
    }
}
