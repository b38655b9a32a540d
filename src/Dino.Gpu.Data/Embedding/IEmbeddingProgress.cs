namespace Dino.Gpu.Data.Embedding;

/// <summary>Hears how a long piece of work is getting on.</summary>
public interface IEmbeddingProgress
{
    /// <summary>One more image is through.</summary>
    /// <param name="failed">Whether it could not be read.</param>
    void Advance(bool failed);

    /// <summary>A line that must not be lost, such as the reason for a failed image.</summary>
    /// <param name="line">One line of text.</param>
    void Report(string line);
}
