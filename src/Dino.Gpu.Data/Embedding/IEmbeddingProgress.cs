namespace Dino.Gpu.Data.Embedding;

/// <summary>How a piece of work begins.</summary>
/// <param name="Total">Images of all of it; null where the list has no end yet.</param>
/// <param name="Done">Images that an earlier process did.</param>
/// <param name="Failed">Those of them that could not be read.</param>
/// <param name="Resumes">Whether an earlier process began it.</param>
public sealed record EmbeddingStart(long? Total, long Done = 0, long Failed = 0, bool Resumes = false);

/// <summary>Receives the progress of embedding. Called from one thread at a time.</summary>
public interface IEmbeddingProgress
{
    /// <summary>The list is settled and the first image comes next.</summary>
    /// <param name="start">What there is to do.</param>
    void Begin(EmbeddingStart start);

    /// <summary>One more image is done.</summary>
    /// <param name="failed">Whether it could not be read.</param>
    void Advance(bool failed);

    /// <summary>An image could not be read; <see cref="Advance"/> follows.</summary>
    /// <param name="path">As the list of inputs names it.</param>
    /// <param name="reason">One line of text.</param>
    /// <param name="hint">What the user can do about it, in one line; null for nothing.</param>
    void Report(string path, string reason, string? hint);

    /// <summary>An image was read, though something is wrong with its file.</summary>
    /// <param name="path">As the list of inputs names it.</param>
    /// <param name="warning">One line of text.</param>
    void Warn(string path, string warning)
    {
    }
}
