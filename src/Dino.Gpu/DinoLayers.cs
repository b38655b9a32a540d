namespace Dino.Gpu;

/// <summary>
/// The layers that <see cref="DinoEncoder.ForwardLayers"/> returns of each output; null for all. Numbers count from 0,
/// or from the end if negative: -1 is the last layer. Outputs hold the layers in ascending order, each once. Only these
/// layers take memory.
/// </summary>
public sealed record DinoLayers
{
    /// <summary>
    /// The states of <see cref="DinoOutputs.HiddenStates"/>. There is one state more than there are layers: state 0 is
    /// before the first block, state i after i blocks.
    /// </summary>
    public IReadOnlyList<int>? HiddenStates { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.IntermediateLayers"/>.</summary>
    public IReadOnlyList<int>? IntermediateLayers { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.LayerClassTokens"/>.</summary>
    public IReadOnlyList<int>? ClassTokens { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.Queries"/>.</summary>
    public IReadOnlyList<int>? Queries { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.Keys"/>.</summary>
    public IReadOnlyList<int>? Keys { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.Values"/>.</summary>
    public IReadOnlyList<int>? Values { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.RotatedQueries"/>.</summary>
    public IReadOnlyList<int>? RotatedQueries { get; init; }

    /// <summary>The layers of <see cref="DinoOutputs.RotatedKeys"/>.</summary>
    public IReadOnlyList<int>? RotatedKeys { get; init; }

    /// <summary>
    /// The layers of <see cref="DinoOutputs.Attentions"/> and <see cref="DinoOutputs.ClassAttentions"/>.
    /// </summary>
    public IReadOnlyList<int>? Attentions { get; init; }
}
