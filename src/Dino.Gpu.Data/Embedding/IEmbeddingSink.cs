using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Takes what <see cref="EmbeddingPipeline"/> produces: one call an input, in input order, from one thread at a time.
/// </summary>
internal interface IEmbeddingSink
{
    /// <summary>
    /// An image went through the model as number <paramref name="index"/> of <paramref name="output"/>'s batch.
    /// </summary>
    void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index);

    /// <summary>An image could not be read.</summary>
    /// <param name="item">The image.</param>
    /// <param name="reason">Why, in one line.</param>
    /// <param name="hint">What the user can do about it, in one line; null for nothing.</param>
    void Failed(InputItem item, string reason, string? hint);

    /// <summary>The next row is not ready yet: a reader of the rows so far need not wait for it.</summary>
    void Flush();
}
