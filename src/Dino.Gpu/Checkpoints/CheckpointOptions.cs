namespace Dino.Gpu.Checkpoints;

/// <summary>What to take from a checkpoint that holds more than one model.</summary>
public sealed record CheckpointOptions
{
    /// <summary>
    /// <c>teacher</c> or <c>student</c> of a DINO training checkpoint; null for the teacher, which is the one that DINO
    /// evaluates.
    /// Naming a branch of a file that has none is an error.
    /// </summary>
    public string? Branch { get; init; }
}
