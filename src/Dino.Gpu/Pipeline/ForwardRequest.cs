using Dino.Gpu.Ops;

namespace Dino.Gpu.Pipeline;

/// <summary>What one forward pass over a batch has to produce. Plain values, so that a kernel can take it as a parameter.</summary>
internal readonly struct ForwardRequest
{
    public ForwardRequest(int batch, bool allTokens, bool hiddenStates, ulong attentionLayers, bool classAttentionOnly = false)
    {
        Batch = batch;
        AllTokens = allTokens ? 1 : 0;
        HiddenStates = hiddenStates ? 1 : 0;
        AttentionLayers = attentionLayers;
        ClassAttentionOnly = classAttentionOnly ? 1 : 0;
    }

    /// <summary>The same for a batch of another size.</summary>
    public ForwardRequest ForBatch(int batch) => new(batch, AllTokens != 0, HiddenStates != 0, AttentionLayers, ClassAttentionOnly != 0);

    /// <summary>Images in the batch.</summary>
    public int Batch { get; }

    /// <summary>1 when the final norm covers every token, 0 when only the class token is asked for. An int because kernels take no bool.</summary>
    public int AllTokens { get; }

    /// <summary>1 when the residual stream is kept before the first block and after every block.</summary>
    public int HiddenStates { get; }

    /// <summary>Bit i set: the attention probabilities of layer i are kept.</summary>
    public ulong AttentionLayers { get; }

    /// <summary>1 when of each attention matrix only the class token's row is kept, so that what is kept grows with the tokens and not with their square.</summary>
    public int ClassAttentionOnly { get; }

    /// <summary>Rows of each attention matrix that are kept, from token 0 on.</summary>
    public Rows AttentionRows => ClassAttentionOnly != 0 ? Rows.ClassToken : Rows.All;

    /// <summary>
    /// Whether the last block may compute its query, attention, projection and MLP for the class token alone: nothing else of
    /// that block is then read, so the result is the same to the last bit.
    /// </summary>
    public bool PruneLastBlock(int layerCount) =>
        AllTokens == 0 && HiddenStates == 0 && (ClassAttentionOnly != 0 || !KeepsAttention(layerCount - 1));

    /// <summary>Number of those rows.</summary>
    public int AttentionRowCount(int tokenCount) => ClassAttentionOnly != 0 ? 1 : tokenCount;

    public bool KeepsAttention(int layer) => ((AttentionLayers >> layer) & 1) != 0;

    /// <summary>Number of layers whose attention is kept.</summary>
    public int AttentionLayerCount => System.Numerics.BitOperations.PopCount(AttentionLayers);
}
