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

    /// <summary>An image cannot be read, by its own fault.</summary>
    /// <param name="item">The image.</param>
    /// <param name="reason">Why, in one line.</param>
    /// <param name="hint">What the user can do about it, in one line; null for nothing.</param>
    void Failed(InputItem item, string reason, string? hint);

    /// <summary>
    /// The system could not read an image in several tries. The image may be good, so the work ends here unless the
    /// sink knows better.
    /// </summary>
    /// <exception cref="DinoException">The work ends.</exception>
    void SystemFailed(InputItem item, string reason) => throw new DinoException(ImageFailures.Line(item.Path, reason));

    /// <summary>The next row is not ready yet: a reader of the rows so far need not wait for it.</summary>
    void Flush();
}
