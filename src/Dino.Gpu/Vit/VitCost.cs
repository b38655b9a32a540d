namespace Dino.Gpu.Vit;

/// <summary>
/// Counts the floating-point operations of a forward pass: two for each multiply-add of the model's matrix products.
/// Nothing else counts, not even the products of a rollout.
/// </summary>
internal static class VitCost
{
    /// <summary>All matrix products for one batch.</summary>
    public static long Total(in VitShape shape, in ForwardRequest request)
    {
        long total = 0;
        foreach (VitOp op in Enum.GetValues<VitOp>())
            total += Of(op, shape, request);
        return total;
    }

    /// <summary>The products of one step for one batch, all layers together.</summary>
    public static long Of(VitOp op, in VitShape shape, in ForwardRequest request)
    {
        long hidden = shape.HiddenSize;
        long tokens = shape.TokenCount;
        // The rows of the last block's query, attention, projection and MLP, and the rows of all blocks together.
        long lastRows = request.PruneLastBlock(shape.LayerCount) ? 1 : tokens;
        long rows = (shape.LayerCount - 1) * tokens + lastRows;
        long queryRows = request.KeepsQueries(shape.LayerCount - 1) ? shape.LayerCount * tokens : rows;
        long products = op switch
        {
            VitOp.PatchEmbedding => shape.PatchCount * hidden * shape.PatchLength,
            VitOp.Qkv => hidden * hidden * (queryRows + 2 * shape.LayerCount * tokens),
            VitOp.Attention => 2 * rows * tokens * hidden,
            VitOp.Projection => rows * hidden * hidden,
            VitOp.Fc1 => rows * hidden * shape.Fc1Size,
            VitOp.Fc2 => rows * hidden * shape.MlpSize,
            _ => 0,
        };
        return 2 * request.Batch * products;
    }
}
