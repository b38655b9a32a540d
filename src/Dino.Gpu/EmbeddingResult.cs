using System.Diagnostics.CodeAnalysis;

namespace Dino.Gpu;

/// <summary>The embedding of one picture among many, or why there is none.</summary>
/// <param name="Index">The place of the picture among those of the call, counted from 0.</param>
/// <param name="Embedding">(hidden); null if the picture failed.</param>
/// <param name="Error">Why the picture failed; null if it did not.</param>
public sealed record EmbeddingResult(int Index, float[]? Embedding, DinoException? Error)
{
    /// <summary>Whether there is an embedding.</summary>
    [MemberNotNullWhen(true, nameof(Embedding))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsSuccess => Error is null;
}
