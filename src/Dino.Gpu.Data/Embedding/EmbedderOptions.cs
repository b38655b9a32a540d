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

    /// <summary>Most pixels of a picture. If its header says more, its row fails before it is decoded.</summary>
    public long MaxPixels { get; init; } = PixelBudget.LargestPicture;

    /// <summary>Files read and decoded at the same time; null for one a core.</summary>
    public int? Workers { get; init; }

    /// <summary>How long one file may take to be read and decoded before its row fails.</summary>
    public TimeSpan ImageTimeout { get; init; } = TimeSpan.FromMinutes(2);
}
