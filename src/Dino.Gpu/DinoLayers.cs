namespace Dino.Gpu;

/// <summary>
/// The layers that each output of <see cref="DinoEncoder.ForwardLayers"/> has; null for all. Numbers
/// count from 0, or from the end when negative: -1 is the last. Outputs have them in ascending order, each once. Memory
/// is taken for these alone.
/// </summary>
public sealed record DinoLayers
{
    /// <summary>
    /// Of <see cref="DinoOutputs.HiddenStates"/>. These are numbers of states, one more than layers: 0 is before the
    /// first block, i after i blocks.
    /// </summary>
    public IReadOnlyList<int>? HiddenStates { get; init; }

    /// <summary>Of <see cref="DinoOutputs.IntermediateLayers"/>.</summary>
    public IReadOnlyList<int>? IntermediateLayers { get; init; }

    /// <summary>Of <see cref="DinoOutputs.LayerClassTokens"/>.</summary>
    public IReadOnlyList<int>? ClassTokens { get; init; }

    /// <summary>Of <see cref="DinoOutputs.Queries"/>.</summary>
    public IReadOnlyList<int>? Queries { get; init; }

    /// <summary>Of <see cref="DinoOutputs.Keys"/>.</summary>
    public IReadOnlyList<int>? Keys { get; init; }

    /// <summary>Of <see cref="DinoOutputs.Values"/>.</summary>
    public IReadOnlyList<int>? Values { get; init; }

    /// <summary>Of <see cref="DinoOutputs.Attentions"/> and <see cref="DinoOutputs.ClassAttentions"/>.</summary>
    public IReadOnlyList<int>? Attentions { get; init; }
}
