using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>The images of one batch that could be read.</summary>
/// <param name="stems">Of the images' names.</param>
/// <param name="pictures">As the model sees them.</param>
/// <param name="threads">Most that work side by side.</param>
internal sealed class ImageBatch(IReadOnlyList<string> stems, IReadOnlyList<RgbImage> pictures, int threads)
{
    /// <summary>Names without folder and extension, one an image: what its files begin with.</summary>
    public IReadOnlyList<string> Stems => stems;

    /// <summary>Pictures of the model's input size, one an image; at least one.</summary>
    public IReadOnlyList<RgbImage> Pictures => pictures;

    /// <summary>Does something to every image, several side by side.</summary>
    /// <param name="action">Gets the image's number in the batch.</param>
    public void ForAll(Action<int> action) => SideBySide.ForAll(pictures.Count, threads, action);
}
