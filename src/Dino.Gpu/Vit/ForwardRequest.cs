namespace Dino.Gpu.Vit;

/// <summary>
/// The outputs that one forward pass over a batch must produce. Plain values: a kernel takes it as a parameter.
/// </summary>
internal readonly struct ForwardRequest
{
    /// <summary>
    /// The most blocks of a model. A hidden state has one bit each, and there is one state more than there are blocks.
    /// </summary>
    public const int MaxLayers = 63;

    public ForwardRequest(int batch, bool allTokens, bool hiddenStates, ulong attentionLayers, bool classAttentionOnly = false)
    {
        Batch = batch;
        AllTokens = allTokens ? 1 : 0;
        HiddenStates = hiddenStates ? ulong.MaxValue : 0;
        AttentionLayers = attentionLayers;
        ClassAttentionOnly = classAttentionOnly ? 1 : 0;
    }

    /// <summary>Copies the request for a batch of another size.</summary>
    public ForwardRequest ForBatch(int batch) => this with { Batch = batch };

    /// <summary>Images in the batch.</summary>
    public int Batch { get; init; }

    /// <summary>
    /// 1 if the final norm covers every token of the last layer, 0 if only the class token is requested. An int,
    /// because kernels take no bool.
    /// </summary>
    public int AllTokens { get; init; }

    /// <summary>
    /// Bit i set: the residual stream after i blocks is kept; bit 0 is the state before the first block. Bits past the
    /// last layer are ignored.
    /// </summary>
    public ulong HiddenStates { get; init; }

    /// <summary>Bit i set: every token after block i and the final norm is kept.</summary>
    public ulong IntermediateLayers { get; init; }

    /// <summary>Bit i set: the class token after block i and the final norm is kept.</summary>
    public ulong ClassTokenLayers { get; init; }

    /// <summary>Bit i set: the queries of block i are kept.</summary>
    public ulong QueryLayers { get; init; }

    /// <summary>Bit i set: the queries of block i are kept as attention reads them: after RoPE.</summary>
    public ulong RotatedQueryLayers { get; init; }

    /// <summary>Bit i set: the keys of block i are kept as attention reads them: after RoPE.</summary>
    public ulong RotatedKeyLayers { get; init; }

    /// <summary>Bit i set: the keys of block i are kept.</summary>
    public ulong KeyLayers { get; init; }

    /// <summary>Bit i set: the values of block i are kept.</summary>
    public ulong ValueLayers { get; init; }

    /// <summary>Bit i set: the attention probabilities of layer i are kept.</summary>
    public ulong AttentionLayers { get; init; }

    /// <summary>
    /// 1 if only the class token's row of each attention matrix is kept. Memory then grows with the number of tokens,
    /// not with its square.
    /// </summary>
    public int ClassAttentionOnly { get; init; }

    /// <summary>
    /// 1 if the class token's attention rollout is kept. It needs the queries and keys of every block until the end of
    /// the pass.
    /// </summary>
    public int Rollout { get; init; }

    /// <summary>The rows of each attention matrix that are kept.</summary>
    public Rows AttentionRows => ClassAttentionOnly != 0 ? Rows.ClassToken : Rows.All;

    /// <summary>Whether queries, keys, values, attention probabilities or the rollout are kept.</summary>
    public bool KeepsAttentionInputs =>
        (QueryLayers | KeyLayers | ValueLayers | RotatedQueryLayers | RotatedKeyLayers | AttentionLayers) != 0 || Rollout != 0;

    /// <summary>Whether the queries of every token of a block are kept, before RoPE or after.</summary>
    public bool KeepsQueries(int layer) => (((QueryLayers | RotatedQueryLayers) >> layer) & 1) != 0;

    /// <summary>
    /// Whether the last block may compute attention, projection and MLP for the class token alone. Nothing else then
    /// reads the other tokens of that block, except for their keys, values and kept queries. The result is the same to
    /// the last bit.
    /// </summary>
    public bool PruneLastBlock(int layerCount) =>
        AllTokens == 0 && !Keeps(OutputPart.HiddenStates, layerCount) && !Keeps(OutputPart.IntermediateLayers, layerCount - 1)
        && (ClassAttentionOnly != 0 || !Keeps(OutputPart.Attentions, layerCount - 1));

    /// <summary>Number of rows of each attention matrix that are kept.</summary>
    public int AttentionRowCount(int tokenCount) => ClassAttentionOnly != 0 ? 1 : tokenCount;

    /// <summary>Whether a part of a layer is kept. For hidden states the index is the number of the state.</summary>
    public bool Keeps(OutputPart part, int index) => ((Layers(part) >> index) & 1) != 0;

    /// <summary>One bit for each layer whose part is kept.</summary>
    public ulong Layers(OutputPart part) => part switch
    {
        OutputPart.HiddenStates => HiddenStates,
        OutputPart.IntermediateLayers => IntermediateLayers,
        OutputPart.ClassTokens => ClassTokenLayers,
        OutputPart.Queries => QueryLayers,
        OutputPart.Keys => KeyLayers,
        OutputPart.Values => ValueLayers,
        OutputPart.RotatedQueries => RotatedQueryLayers,
        OutputPart.RotatedKeys => RotatedKeyLayers,
        OutputPart.Attentions => AttentionLayers,
        _ => 0,
    };
}
