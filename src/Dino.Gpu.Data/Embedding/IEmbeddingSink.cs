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
    void Failed(InputItem item, string reason);

    /// <summary>The next row is not ready yet: a reader of the rows so far need not wait for it.</summary>
    void Flush();
}
