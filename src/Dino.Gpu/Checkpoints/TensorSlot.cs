using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>One tensor that a checkpoint of a given config must have, and where it lives in the weights.</summary>
/// <param name="Name">Its key, without a prefix such as <c>vit.</c> or <c>backbone.</c>.</param>
/// <param name="Shape">Its sides as stored.</param>
/// <param name="Data">
/// Its values inside the weights, row-major; a third of the fused matrix for a query, key or value.
/// </param>
internal sealed record TensorSlot(string Name, long[] Shape, Func<VitWeights, Memory<float>> Data)
{
    /// <summary>
    /// Equal for the tensors of all blocks that are there together or not at all, in which case they are zero; empty
    /// for a tensor that must be there.
    /// </summary>
    public string Optional { get; init; } = "";

    /// <summary>
    /// Ones and zeros that say what of <see cref="Data"/> counts, and no values of the model themselves.
    /// </summary>
    public bool IsMask { get; init; }
}

/// <summary>
/// The tensors of a ViT by name, in the order of the state dict: the one place where names meet weights.
/// </summary>
internal static class TensorSlots
{
    /// <summary>The published names of <paramref name="layout"/>.</summary>
    public static IReadOnlyList<TensorSlot> For(CheckpointLayout layout, VitConfig config) =>
        For(TensorNames.Of(layout, config), config);

    /// <summary>Hugging Face's names without the pooler: query, key and value apart.</summary>
    public static IReadOnlyList<TensorSlot> HuggingFace(VitConfig config) => For(CheckpointLayout.HuggingFace, config);

    /// <summary>The names of the original code, and of timm: query, key and value in one matrix.</summary>
    public static IReadOnlyList<TensorSlot> Dino(VitConfig config) => For(CheckpointLayout.Dino, config);

    /// <param name="names">What the tensors are called.</param>
    /// <param name="config">The model.</param>
    /// <param name="hasClassPosition">Whether the table of positions has a row for the class token.</param>
    public static IReadOnlyList<TensorSlot> For(TensorNames names, VitConfig config, bool hasClassPosition = true)
    {
        var slots = new List<TensorSlot>();
        Embeddings(slots, names, config, hasClassPosition);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            // Both in the order of their state dicts, which is that of the files that are written.
            if (names is { Kind: ModelKind.Dino, Layout: CheckpointLayout.HuggingFace })
            {
                Attention(slots, names, config, layer);
                Mlp(slots, names, config, layer);
                Norm1(slots, names, config, layer);
                Norm2(slots, names, config, layer);
            }
            else
            {
                Norm1(slots, names, config, layer);
                Attention(slots, names, config, layer);
                Gains(slots, names, names.LayerScale1, config, layer, block => block.LayerScale1);
                Norm2(slots, names, config, layer);
                Mlp(slots, names, config, layer);
                Gains(slots, names, names.LayerScale2, config, layer, block => block.LayerScale2);
            }
        }

        Norm(slots, names.Norm, config.HiddenSize, w => w.Norm);
        return slots;
    }

    private static void Embeddings(List<TensorSlot> slots, TensorNames names, VitConfig config, bool hasClassPosition)
    {
        int hidden = config.HiddenSize;
        slots.Add(new(names.ClassToken, [1, 1, hidden], w => w.ClassToken));
        if (names.Registers.Length > 0 && config.RegisterCount > 0)
            slots.Add(new(names.Registers, [1, config.RegisterCount, hidden], w => w.Registers));
        if (config.PositionKind == PositionKind.Table)
        {
            long patches = (long)config.TrainedGrid * config.TrainedGrid;
            slots.Add(hasClassPosition
                ? new(names.Positions, [1, 1 + patches, hidden], w => w.Positions)
                : new(names.Positions, [1, patches, hidden], w => w.Positions.AsMemory(hidden)));
        }
        else if (names.Periods.Length > 0)
        {
            slots.Add(new(names.Periods, [config.HeadSize / 4], w => w.RotaryPeriods) { Optional = names.Periods });
        }

        slots.Add(new(names.PatchEmbedding + ".weight", [hidden, 3, config.PatchSize, config.PatchSize], w => w.PatchEmbedding.Weight));
        slots.Add(new(names.PatchEmbedding + ".bias", [hidden], w => w.PatchEmbedding.Bias));
    }

    private static void Attention(List<TensorSlot> slots, TensorNames names, VitConfig config, int layer)
    {
        int hidden = config.HiddenSize;
        string prefix = $"{names.Block}{layer}.";
        int rows = 3 * hidden / names.Qkv.Length;
        for (int part = 0; part < names.Qkv.Length; part++)
        {
            int first = part * rows;
            string module = names.Qkv[part];
            slots.Add(new(
                $"{prefix}{module}.weight", [rows, hidden], w => w.Blocks[layer].Qkv.Weight.AsMemory(first * hidden, rows * hidden)));
            if (names.Biases == BiasNames.QueryAndValue)
                continue;
            bool isOptional = names.Biases is BiasNames.AnyMayLack or BiasNames.Masked
                || (names.Biases == BiasNames.KeyMayLack && part == 1);
            slots.Add(Bias(module + ".bias", first, rows) with { Optional = isOptional ? module + ".bias" : "" });
        }

        if (names.Biases == BiasNames.Masked)
            slots.Add(Bias("attn.qkv.bias_mask", 0, rows) with { Optional = "attn.qkv.bias_mask", IsMask = true });
        if (names.Biases == BiasNames.QueryAndValue)
        {
            slots.Add(Bias("attn.q_bias", 0, hidden) with { Optional = "attn.q_bias" });
            slots.Add(Bias("attn.v_bias", 2 * hidden, hidden) with { Optional = "attn.v_bias" });
        }

        Linear(slots, prefix + names.Projection, hidden, hidden, w => w.Blocks[layer].Projection);

        TensorSlot Bias(string name, int first, int count) =>
            new(prefix + name, [count], w => w.Blocks[layer].Qkv.Bias.AsMemory(first, count));
    }

    private static void Mlp(List<TensorSlot> slots, TensorNames names, VitConfig config, int layer)
    {
        int hidden = config.HiddenSize;
        string prefix = $"{names.Block}{layer}.";
        int rows = config.Fc1Size / names.Fc1.Length;
        for (int part = 0; part < names.Fc1.Length; part++)
        {
            int first = part * rows;
            string name = prefix + names.Fc1[part];
            slots.Add(new(name + ".weight", [rows, hidden], w => w.Blocks[layer].Fc1.Weight.AsMemory(first * hidden, rows * hidden)));
            slots.Add(new(name + ".bias", [rows], w => w.Blocks[layer].Fc1.Bias.AsMemory(first, rows)));
        }

        Linear(slots, prefix + names.Fc2, hidden, config.MlpSize, w => w.Blocks[layer].Fc2);
    }

    private static void Gains(
        List<TensorSlot> slots, TensorNames names, string name, VitConfig config, int layer, Func<BlockWeights, float[]?> gains)
    {
        if (config.HasLayerScale)
            slots.Add(new($"{names.Block}{layer}.{name}", [config.HiddenSize], w => gains(w.Blocks[layer])!));
    }

    private static void Norm1(List<TensorSlot> slots, TensorNames names, VitConfig config, int layer) =>
        Norm(slots, $"{names.Block}{layer}.{names.Norm1}", config.HiddenSize, w => w.Blocks[layer].Norm1);

    private static void Norm2(List<TensorSlot> slots, TensorNames names, VitConfig config, int layer) =>
        Norm(slots, $"{names.Block}{layer}.{names.Norm2}", config.HiddenSize, w => w.Blocks[layer].Norm2);

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
