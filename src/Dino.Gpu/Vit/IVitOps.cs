namespace Dino.Gpu.Vit;

/// <summary>The activations of a forward pass. Every buffer has one row a token, (images * tokens, columns).</summary>
internal enum Activation
{
    /// <summary>(tokens, 3 * patch * patch): the unfolded picture; the class token's row is not used.</summary>
    Patches,

    /// <summary>(tokens, hidden): the residual stream, x in the paper.</summary>
    Residual,

    /// <summary>(tokens, hidden): what a LayerNorm gives to the next layer.</summary>
    Normed,

    /// <summary>(tokens, 3 * hidden): query, key and value columns.</summary>
    Qkv,

    /// <summary>(tokens, hidden): the attention's weighted values, heads side by side.</summary>
    Context,

    /// <summary>(tokens, mlp): the MLP's hidden layer after GELU.</summary>
    Mlp,
}

/// <summary>The rows that an op reads and writes.</summary>
internal enum Rows
{
    /// <summary>Every token of every image.</summary>
    All,

    /// <summary>Row 0 of every image.</summary>
    ClassToken,

    /// <summary>Every row of every image but row 0.</summary>
    Patches,
}

/// <summary>The linear layers of a ViT. Query and KeyValue are the first and the other two thirds of Qkv's outputs, and write those columns.</summary>
internal enum Linear
{
    PatchEmbedding,
    Qkv,
    Query,
    KeyValue,
    Projection,
    Fc1,
    Fc2,
}

/// <summary>The LayerNorms of a ViT.</summary>
internal enum Norm
{
    BeforeAttention,
    BeforeMlp,
    Final,
}

/// <summary>
/// The operations of a ViT. One implementation per kernel family; the forward pass is written once against this interface, as a
/// generic method over a struct, so that a call costs nothing and can run inside a kernel. Parameter order: input, weights, output, rows.
/// </summary>
internal interface IVitOps
{
    /// <summary>patches = unfold((pixels / 255 - mean) / std): row 1 + i is patch i, its columns (channel, y, x).</summary>
    void UnfoldPatches();

    /// <summary>x = cat(cls_token, 0) + pos_embed: row 0 is class token plus its position, row 1 + i the position of patch i.</summary>
    void AssembleTokens();

    /// <summary>output = (input - mean) / sqrt(var + eps) * weight + bias, over each row.</summary>
    void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows);

    /// <summary>output = input @ W^T + b.</summary>
    void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>output = gelu(input @ W^T + b), the exact erf form.</summary>
    void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>output = output + (input @ W^T + b).</summary>
    void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>context = softmax(q k^T / sqrt(head size)) v per head, for the query rows named, over all tokens.</summary>
    void Attention(Rows queryRows);

    /// <summary>Keeps the queries, keys or values of every token, before attention reads them.</summary>
    void KeepQkv(OutputPart part, int layer);

    /// <summary>Keeps softmax(q k^T / sqrt(head size)) of every head, for the query rows named.</summary>
    void KeepAttention(int layer, Rows queryRows);

    /// <summary>Stores the layer's queries and keys of every token for <see cref="RollOut"/>.</summary>
    void StoreQueriesAndKeys(int layer);

    /// <summary>
    /// r = (r + mean over heads of r softmax(q k^T / sqrt(head size))) / 2, with a layer's stored queries and keys and a row r of a value a token. With the
    /// class token's row alone r is 1 there and 0 elsewhere before, whatever it held: where a rollout begins.
    /// </summary>
    void RollOut(int layer, Rows queryRows);

    /// <summary>Keeps r.</summary>
    void KeepRollout();

    /// <summary>Keeps the residual stream as hidden state <paramref name="index"/>, 0 before the first block.</summary>
    void KeepHiddenState(int index);

    /// <summary>From here on only class-token rows are used. A family that works image by image gathers them here, to go on with the batch.</summary>
    void BeginClassTail();

    /// <summary>Keeps the final LayerNorm of the residual stream: (images, tokens, hidden) for all rows, (images, hidden) for the class token.</summary>
    void FinalNorm(OutputPart part, int layer, Rows rows);

    /// <summary>Waits until everything asked for so far is done; only timing needs it.</summary>
    void Synchronize();
}
