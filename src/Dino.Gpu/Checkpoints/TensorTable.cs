namespace Dino.Gpu.Checkpoints;

/// <summary>What a checkpoint holds, before anybody asks whether it is a DINO ViT.</summary>
internal sealed class TensorTable
{
    public required CheckpointFormat Format { get; init; }

    /// <summary>The tensors in file order, under the names of the file.</summary>
    public required IReadOnlyList<TensorEntry> Tensors { get; init; }

    /// <summary>Names of the state dict whose values are not tensors.</summary>
    public IReadOnlyList<string> NonTensors { get; init; } = [];

    /// <summary><c>teacher</c> and <c>student</c>, as far as a training checkpoint has them.</summary>
    public IReadOnlyList<string> Branches { get; init; } = [];

    /// <summary>The branch that Tensors is; null unless the file is a training checkpoint.</summary>
    public string? Branch { get; init; }

    /// <summary>The branch that the caller named and <see cref="Branches"/> does not have.</summary>
    public string? WantedBranch { get; init; }

    /// <summary>Free text that travels with the tensors: <c>__metadata__</c> of a safetensors file.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
}
