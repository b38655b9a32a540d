namespace Dino.Gpu.Checkpoints;

/// <summary>What a checkpoint does not say itself.</summary>
public sealed record CheckpointOptions
{
    internal const string Teacher = "teacher";
    internal const string Student = "student";

    /// <summary>
    /// <c>teacher</c> or <c>student</c> of a DINO training checkpoint; null for the teacher, which is the one that DINO
    /// evaluates. Naming a branch of a file that has none is an error.
    /// </summary>
    public string? Branch { get; init; }

    /// <summary>
    /// Attention heads of a block; null for what <c>config.json</c> or the size says. A config that says otherwise is
    /// an error.
    /// </summary>
    public int? Heads { get; init; }

    internal static CheckpointOptions Of(DinoOptions? options) => new() { Branch = options?.Branch, Heads = options?.Heads };
}
