using Dino.Gpu.Model;
using static Dino.Gpu.Vit.Activation;
using static Dino.Gpu.Vit.Linear;

namespace Dino.Gpu.Vit;

/// <summary>
/// The forward pass, written once for every kernel family. The comments are the reference: <c>vision_transformer.py</c>
/// of the original DINO. On a GPU the host runs it, and every op is a launch over the batch. In the SIMD family each
/// thread of one launch runs it on its own images (<see cref="Tokens"/>); then all threads share the class-token rows
/// of the batch (<see cref="ClassTail"/>).
/// </summary>
internal static class ForwardPass
{
    /// <summary>
    /// Runs the pass up to the point where only class-token rows are left, or to the end if every token is requested.
    /// </summary>
    public static void Tokens<TOps>(ref TOps ops, in VitShape shape, in ForwardRequest request)
        where TOps : struct, IVitOps
    {
        Blocks(ref ops, shape, request);
        if (request.Rollout == 0)
            return;
        // Attention rollout (Abnar & Zuidema 2020): the product of (I + mean over heads of A) / 2 of all blocks. Only
        // its class-token row is needed, a vector that goes back through the blocks: r = e_cls A_last ... A_0.
        int last = shape.LayerCount - 1;
        for (int layer = last; layer >= 0; layer--)
            ops.RollOut(layer, layer == last ? Rows.ClassToken : Rows.All);                 // r = (r + mean(r softmax(q k^T * scale))) / 2
        ops.KeepRollout();
    }

    private static void Blocks<TOps>(ref TOps ops, in VitShape shape, in ForwardRequest request)
        where TOps : struct, IVitOps
    {
        ops.UnfoldPatches();                                                 // patches = unfold(normalize(image))
        ops.AssembleTokens();                                                // x = cat(cls_token + pos_embed[0], registers, pos_embed[1:])
        ops.LinearAdd(Patches, PatchEmbedding, 0, Residual, Rows.Patches);   // x[prefix:] += patch_embed.proj(patches)
        if (request.Keeps(OutputPart.HiddenStates, 0))
            ops.KeepHiddenState(0);

        int last = shape.LayerCount - 1;
        bool prune = request.PruneLastBlock(shape.LayerCount);
        for (int layer = 0; layer <= last; layer++)
        {
            ops.LayerNorm(Residual, Norm.BeforeAttention, layer, Normed, Rows.All);         // y = norm1(x)
            if (prune && layer == last)
            {
                Rows queries = request.KeepsQueries(layer) ? Rows.All : Rows.ClassToken;
                ops.Linear(Normed, KeyValue, layer, Activation.Qkv, Rows.All);              // k, v = attn.qkv(y)
                ops.Linear(Normed, Query, layer, Activation.Qkv, queries);                  // q[0] = attn.qkv(y[0])
                Position(ref ops, shape, request, layer, queries == Rows.All ? Linear.Qkv : KeyValue);
                ops.Attention(Rows.ClassToken);                                             // y[0] = softmax(q[0] k^T * scale) v
                if (request.Keeps(OutputPart.Attentions, layer))
                    ops.KeepAttention(layer, request.AttentionRows);
                return;
            }

            ops.Linear(Normed, Linear.Qkv, layer, Activation.Qkv, Rows.All);                // q, k, v = attn.qkv(y)
            Position(ref ops, shape, request, layer, Linear.Qkv);
            ops.Attention(Rows.All);                                                        // y = softmax(q k^T * scale) v
            if (request.Keeps(OutputPart.Attentions, layer))
                ops.KeepAttention(layer, request.AttentionRows);
            ops.LinearAdd(Context, Projection, layer, Residual, Rows.All);                  // x = x + ls1(attn.proj(y))
            ops.LayerNorm(Residual, Norm.BeforeMlp, layer, Normed, Rows.All);               // y = norm2(x)
            Hidden(ref ops, shape, layer, Rows.All);                                        // y = mlp.act(mlp.fc1(y))
            ops.LinearAdd(Mlp, Fc2, layer, Residual, Rows.All);                             // x = x + ls2(mlp.fc2(y))
            if (request.Keeps(OutputPart.HiddenStates, layer + 1))
                ops.KeepHiddenState(layer + 1);
            if (request.Keeps(OutputPart.IntermediateLayers, layer))
                ops.FinalNorm(OutputPart.IntermediateLayers, layer, Rows.All);              // get_intermediate_layers: norm(x)
            if (request.Keeps(OutputPart.ClassTokens, layer))
                ops.FinalNorm(OutputPart.ClassTokens, layer, Rows.ClassToken);              // norm(x[0])
        }

        ops.FinalNorm(OutputPart.Tokens, last, request.AllTokens != 0 ? Rows.All : Rows.ClassToken); // x = norm(x)
    }

    /// <summary>
    /// Runs the rest of the last block for the class token alone, if <see cref="ForwardRequest.PruneLastBlock"/> holds.
    /// </summary>
    public static void ClassTail<TOps>(ref TOps ops, in VitShape shape, in ForwardRequest request)
        where TOps : struct, IVitOps
    {
        if (!request.PruneLastBlock(shape.LayerCount))
            return;
        int last = shape.LayerCount - 1;
        ops.BeginClassTail();
        ops.LinearAdd(Context, Projection, last, Residual, Rows.ClassToken);                // x[0] = x[0] + ls1(attn.proj(y[0]))
        ops.LayerNorm(Residual, Norm.BeforeMlp, last, Normed, Rows.ClassToken);             // y[0] = norm2(x[0])
        Hidden(ref ops, shape, last, Rows.ClassToken);                                      // y[0] = mlp.act(mlp.fc1(y[0]))
        ops.LinearAdd(Mlp, Fc2, last, Residual, Rows.ClassToken);                           // x[0] = x[0] + ls2(mlp.fc2(y[0]))
        if (request.Keeps(OutputPart.ClassTokens, last))
            ops.FinalNorm(OutputPart.ClassTokens, last, Rows.ClassToken);
        ops.FinalNorm(OutputPart.Tokens, last, Rows.ClassToken);                            // x[0] = norm(x[0])
    }

    /// <summary>The hidden layer of the MLP.</summary>
    private static void Hidden<TOps>(ref TOps ops, in VitShape shape, int layer, Rows rows)
        where TOps : struct, IVitOps
    {
        if (shape.MlpKind == MlpKind.GatedSilu)
            ops.LinearGated(Normed, Fc1, layer, Mlp, rows);                                 // y = silu(gate(y)) * up(y)
        else
            ops.LinearGelu(Normed, Fc1, layer, Mlp, rows);                                  // y = gelu(fc1(y))
    }

    /// <summary>Gives queries and keys their positions, and keeps what is asked for before and after.</summary>
    private static void Position<TOps>(ref TOps ops, in VitShape shape, in ForwardRequest request, int layer, Linear made)
        where TOps : struct, IVitOps
    {
        Keep(ref ops, request, layer, OutputPart.Queries, OutputPart.Values);
        if (shape.PositionKind == PositionKind.Rotary)
            ops.Rotate(made);                                                               // q, k = rope(q, k)
        Keep(ref ops, request, layer, OutputPart.RotatedQueries, OutputPart.RotatedKeys);
        if (request.Rollout != 0)
            ops.StoreQueriesAndKeys(layer);
    }

    private static void Keep<TOps>(ref TOps ops, in ForwardRequest request, int layer, OutputPart first, OutputPart last)
        where TOps : struct, IVitOps
    {
        for (OutputPart part = first; part <= last; part++)
        {
            if (request.Keeps(part, layer))
                ops.KeepQkv(part, layer);
        }
    }
}
