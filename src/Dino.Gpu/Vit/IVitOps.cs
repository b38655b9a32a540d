namespace Dino.Gpu.Vit;

/// <summary>
/// The operations of a ViT. Each kernel family implements them. The forward pass is written once against this
/// interface, as a generic method over a struct, so a call costs nothing and can run inside a kernel. Parameter order:
/// input, weights, output, rows.
/// </summary>
internal interface IVitOps
{
    /// <summary>
    /// patches = unfold((pixels / 255 - mean) / std): row prefix + i is patch i, its columns (channel, y, x).
    /// </summary>
    void UnfoldPatches();

    /// <summary>
    /// x = the starting table: row 0 is the class token plus its position, then the registers; row prefix + i is the
    /// position of patch i.
    /// </summary>
    void AssembleTokens();

    /// <summary>output = (input - mean) / sqrt(var + eps) * weight + bias, over each row.</summary>
    void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows);

    /// <summary>output = input @ W^T + b.</summary>
    void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>output = gelu(input @ W^T + b), the exact erf form.</summary>
    void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>
    /// output = silu(input @ Wg^T + bg) * (input @ Wu^T + bu), with silu(x) = x / (1 + e^-x); the two products are
    /// those of one layer with twice the rows.
    /// </summary>
    void LinearGated(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>
    /// output = output + gain * (input @ W^T + b). The gains are LayerScale's; most families have them in W and b.
    /// </summary>
    void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows);

    /// <summary>
    /// Rotates queries and keys of the patch rows by the angles of their patches, in place (RoPE): columns i and
    /// i + head size / 2 of each head are a point in the plane. Other rows have no position.
    /// </summary>
    /// <param name="made">Which there are: Qkv, or KeyValue, where queries stay as they are.</param>
    void Rotate(Linear made);

    /// <summary>
    /// context = softmax(q k^T / sqrt(head size)) v per head, for the given query rows, over all tokens.
    /// </summary>
    void Attention(Rows queryRows);

    /// <summary>
    /// Keeps the queries, keys or values of every token as they are now, before attention reads them.
    /// </summary>
    void KeepQkv(OutputPart part, int layer);

    /// <summary>Keeps softmax(q k^T / sqrt(head size)) of every head, for the given query rows.</summary>
    void KeepAttention(int layer, Rows queryRows);

    /// <summary>Stores the layer's queries and keys of every token for <see cref="RollOut"/>.</summary>
    void StoreQueriesAndKeys(int layer);

    /// <summary>
    /// r = (r + mean over heads of r softmax(q k^T / sqrt(head size))) / 2, with a layer's stored queries and keys. The
    /// row r has one value for each token. A rollout begins with the class token's row alone: the op first sets r to 1
    /// at the class token and to 0 elsewhere.
    /// </summary>
    void RollOut(int layer, Rows queryRows);

    /// <summary>Keeps the row r.</summary>
    void KeepRollout();

    /// <summary>Keeps the residual stream as hidden state <paramref name="index"/>, 0 before the first block.</summary>
    void KeepHiddenState(int index);

    /// <summary>
    /// Begins the part of the pass that uses only class-token rows. A family that works image by image gathers them
    /// here and continues with the batch.
    /// </summary>
    void BeginClassTail();

    /// <summary>
    /// Keeps the final LayerNorm of the residual stream: (images, tokens, hidden) for all rows, (images, hidden) for
    /// the class token.
    /// </summary>
    void FinalNorm(OutputPart part, int layer, Rows rows);

    /// <summary>Waits for all operations so far. Only the timing needs it.</summary>
    void Synchronize();
}
