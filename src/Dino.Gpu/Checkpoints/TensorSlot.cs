using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>One tensor that a checkpoint of a given config must have, and where it lives in the weights.</summary>
/// <param name="Name">Its key, without a prefix such as <c>vit.</c> or <c>backbone.</c>.</param>
/// <param name="Shape">Its sides as stored.</param>
/// <param name="Data">
/// Its values inside the weights, row-major; a third of the fused matrix for a query, key or value.
/// </param>
internal sealed record TensorSlot(string Name, long[] Shape, Func<VitWeights, Memory<float>> Data);

/// <summary>
/// The tensors of a DINO ViT by name, in the order of the state dict: the one place where names meet weights.
/// </summary>
internal static class TensorSlots
{
    /// <summary>The names of <paramref name="layout"/>.</summary>
    public static IReadOnlyList<TensorSlot> For(CheckpointLayout layout, VitConfig config) =>
        layout == CheckpointLayout.HuggingFace ? HuggingFace(config) : Dino(config);

    /// <summary>Hugging Face <c>ViTModel</c> without its pooler: query, key and value apart.</summary>
    public static IReadOnlyList<TensorSlot> HuggingFace(VitConfig config)
    {
        var slots = new List<TensorSlot>();
        int hidden = config.HiddenSize;
        Embeddings(slots, config, "embeddings.cls_token", "embeddings.position_embeddings", "embeddings.patch_embeddings.projection");
        for (int n = 0; n < config.LayerCount; n++)
        {
            int layer = n;
            string prefix = $"encoder.layer.{layer}.";
            string[] thirds = ["query", "key", "value"];
            for (int t = 0; t < thirds.Length; t++)
            {
                int third = t;
                string name = $"{prefix}attention.attention.{thirds[third]}";
                int square = hidden * hidden;
                slots.Add(new(name + ".weight", [hidden, hidden], w => w.Blocks[layer].Qkv.Weight.AsMemory(third * square, square)));
                slots.Add(new(name + ".bias", [hidden], w => w.Blocks[layer].Qkv.Bias.AsMemory(third * hidden, hidden)));
            }

            Linear(slots, prefix + "attention.output.dense", hidden, hidden, w => w.Blocks[layer].Projection);
            Linear(slots, prefix + "intermediate.dense", config.MlpSize, hidden, w => w.Blocks[layer].Fc1);
            Linear(slots, prefix + "output.dense", hidden, config.MlpSize, w => w.Blocks[layer].Fc2);
            Norm(slots, prefix + "layernorm_before", hidden, w => w.Blocks[layer].Norm1);
            Norm(slots, prefix + "layernorm_after", hidden, w => w.Blocks[layer].Norm2);
        }

        Norm(slots, "layernorm", hidden, w => w.Norm);
        return slots;
    }

    /// <summary>The original DINO's <c>VisionTransformer</c>, as timm's: query, key and value in one matrix.</summary>
    public static IReadOnlyList<TensorSlot> Dino(VitConfig config)
    {
        var slots = new List<TensorSlot>();
        int hidden = config.HiddenSize;
        Embeddings(slots, config, "cls_token", "pos_embed", "patch_embed.proj");
        for (int n = 0; n < config.LayerCount; n++)
        {
            int layer = n;
            string prefix = $"blocks.{layer}.";
            Norm(slots, prefix + "norm1", hidden, w => w.Blocks[layer].Norm1);
            Linear(slots, prefix + "attn.qkv", 3 * hidden, hidden, w => w.Blocks[layer].Qkv);
            Linear(slots, prefix + "attn.proj", hidden, hidden, w => w.Blocks[layer].Projection);
            Norm(slots, prefix + "norm2", hidden, w => w.Blocks[layer].Norm2);
            Linear(slots, prefix + "mlp.fc1", config.MlpSize, hidden, w => w.Blocks[layer].Fc1);
            Linear(slots, prefix + "mlp.fc2", hidden, config.MlpSize, w => w.Blocks[layer].Fc2);
        }

        Norm(slots, "norm", hidden, w => w.Norm);
        return slots;
    }

    private static void Embeddings(List<TensorSlot> slots, VitConfig config, string classToken, string positions, string projection)
    {
        long tokens = 1 + (long)config.TrainedGrid * config.TrainedGrid;
        slots.Add(new(classToken, [1, 1, config.HiddenSize], w => w.ClassToken));
        slots.Add(new(positions, [1, tokens, config.HiddenSize], w => w.Positions));
        slots.Add(new(projection + ".weight", [config.HiddenSize, 3, config.PatchSize, config.PatchSize], w => w.PatchEmbedding.Weight));
        slots.Add(new(projection + ".bias", [config.HiddenSize], w => w.PatchEmbedding.Bias));
    }

    private static void Linear(List<TensorSlot> slots, string name, long outputs, long inputs, Func<VitWeights, LinearWeights> linear)
    {
        slots.Add(new(name + ".weight", [outputs, inputs], w => linear(w).Weight));
        slots.Add(new(name + ".bias", [outputs], w => linear(w).Bias));
    }

    private static void Norm(List<TensorSlot> slots, string name, long hidden, Func<VitWeights, NormWeights> norm)
    {
        slots.Add(new(name + ".weight", [hidden], w => norm(w).Weight));
        slots.Add(new(name + ".bias", [hidden], w => norm(w).Bias));
    }
}
