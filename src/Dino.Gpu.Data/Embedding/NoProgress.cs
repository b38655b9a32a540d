namespace Dino.Gpu.Data.Embedding;

/// <summary>Says nothing.</summary>
internal sealed class NoProgress : IEmbeddingProgress
{
    public void Begin(EmbeddingStart start)
    {
    }

    public void Advance(bool failed)
    {
    }

    public void Report(string path, string reason, string? hint)
    {
    }
}
