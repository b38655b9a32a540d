namespace Dino.Gpu.Cli.Embedding;

/// <summary>Takes what <see cref="EmbeddingPipeline"/> produces: one call an input, in input order, from one thread at a time.</summary>
internal interface IEmbeddingSink
{
    /// <summary>An image went through the model as number <paramref name="image"/> of its batch.</summary>
    void Embedded(string path, DinoOutput output, int image);

    /// <summary>An image could not be read.</summary>
    void Failed(string path, string reason);

    /// <summary>A batch is through.</summary>
    void BatchEnded();
}
