using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// What one kind of checkpoint calls its tensors, and what nobody needs to say about it. Another kind of model is
/// another entry of <see cref="All"/>.
/// </summary>
internal sealed record TensorNames
{
    /// <summary>
    /// Entries of both layouts, the special ones first: a checkpoint has the names of the first that
    /// <see cref="Has"/> recognizes, and the first of a kind are its published ones.
    /// </summary>
    public static IReadOnlyList<TensorNames> All { get; } = [.. HuggingFace(), .. Original()];

    public required CheckpointLayout Layout { get; init; }

    public required ModelKind Kind { get; init; }

    /// <summary>
    /// Recognizes the names: gets a question, whether some name of the trunk contains a text, and answers another.
    /// </summary>
    public required Func<Func<string, bool>, bool> Has { get; init; }

    /// <summary>Epsilon of the LayerNorms where nothing else is said, from the code that has these names.</summary>
    public required double Epsilon { get; init; }

    /// <summary>(1, 1, hidden)</summary>
    public required string ClassToken { get; init; }

    /// <summary>(1, 1 + grid * grid, hidden); empty for RoPE.</summary>
    public string Positions { get; init; } = "";

    /// <summary>
    /// Whether the positions may lack the row of the class token, which has it added already: (1, grid * grid, hidden).
    /// </summary>
    public bool MayMergeClassPosition { get; init; }

    /// <summary>(1, registers, hidden); empty where such models have none.</summary>
    public string Registers { get; init; } = "";

    /// <summary>Module of the patch embedding, (hidden, 3, patch, patch).</summary>
    public required string PatchEmbedding { get; init; }

    /// <summary>(head size / 4): the periods of RoPE, where the file may say them.</summary>
    public string Periods { get; init; } = "";

    /// <summary>What a block begins with, before its number.</summary>
    public required string Block { get; init; }

    public required string Norm1 { get; init; }

    /// <summary>Modules of query, key and value; one module where they are one matrix.</summary>
    public required string[] Qkv { get; init; }

    /// <summary>Biases of query, key and value.</summary>
    public BiasNames Biases { get; init; }

    public required string Projection { get; init; }

    /// <summary>(hidden): the gains after attention; empty where such models have none.</summary>
    public string LayerScale1 { get; init; } = "";

    public required string Norm2 { get; init; }

    /// <summary>Modules of the MLP's first layer: one, or the gate and then the other.</summary>
    public required string[] Fc1 { get; init; }

    public required string Fc2 { get; init; }

    /// <summary>
    /// Whether the one matrix of <see cref="Fc1"/> holds a gate: yes, no, or null where its rows tell.
    /// </summary>
    public bool? HasGate { get; init; } = false;

    /// <summary>(hidden): the gains after the MLP.</summary>
    public string LayerScale2 { get; init; } = "";

    public required string Norm { get; init; }

    /// <summary>Other spellings of the modules of a block.</summary>
    public IReadOnlyDictionary<string, string> Aliases { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Refuses sizes that no model has, and a model with a part that its family does not have: the part has no name
    /// there, so it would be left out without a word.
    /// </summary>
    /// <exception cref="WeightsException">The message names the size or the part.</exception>
    public static void RequireAll(VitConfig config)
    {
        WeightShapes.Require(config);
        bool gated = config.MlpKind == MlpKind.GatedSilu;
        TensorNames? names = All.FirstOrDefault(
            names => names.Layout == CheckpointLayout.HuggingFace && names.Kind == config.Kind && (names.HasGate ?? gated) == gated);
        string? part = names is null ? "gated MLP"
            : names.Registers.Length == 0 && config.RegisterCount > 0 ? "registers"
            : names.LayerScale1.Length == 0 && config.HasLayerScale ? "LayerScale"
            : names.Positions.Length == 0 && config.PositionKind == PositionKind.Table ? "table of positions"
            : names.Positions.Length > 0 && config.PositionKind == PositionKind.Rotary ? "RoPE"
            : null;
        if (part is not null)
        {
            throw new WeightsException(
                $"a {config.Kind.Title()} ViT has no {part}, but its VitConfig does", "set VitConfig.Kind to the family that has it");
        }
    }

    /// <summary>The published names of a model.</summary>
    public static TensorNames Of(CheckpointLayout layout, VitConfig config)
    {
        bool gated = config.MlpKind == MlpKind.GatedSilu;
        return All.First(names => names.Layout == layout && names.Kind == config.Kind && (names.HasGate ?? gated) == gated);
    }

    private static IEnumerable<TensorNames> HuggingFace()
    {
        var vit = new TensorNames
        {
            Layout = CheckpointLayout.HuggingFace,
            Kind = ModelKind.Dino,
            Has = _ => true,
            Epsilon = 1e-12, // of ViTConfig
            ClassToken = TrunkNames.HuggingFaceMarker,
            Positions = "embeddings.position_embeddings",
            PatchEmbedding = "embeddings.patch_embeddings.projection",
            Block = "encoder.layer.",
            Qkv = ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
            Biases = BiasNames.KeyMayLack,
            Projection = "attention.output.dense",
            Fc1 = ["intermediate.dense"],
            Fc2 = "output.dense",
            Norm1 = "layernorm_before",
            Norm2 = "layernorm_after",
            Norm = "layernorm",
            Aliases = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["attention.q_proj"] = "attention.attention.query",
                ["attention.k_proj"] = "attention.attention.key",
                ["attention.v_proj"] = "attention.attention.value",
                ["attention.o_proj"] = "attention.output.dense",
                ["attention.out_proj"] = "attention.output.dense",
                ["mlp.fc1"] = "intermediate.dense",
                ["mlp.fc2"] = "output.dense",
            },
        };
        TensorNames second = vit with
        {
            Kind = ModelKind.DinoV2,
            Has = has => has("layer_scale1.lambda1") || has(".norm1.") || has("embeddings.register_tokens"),
            Epsilon = 1e-6,
            Registers = "embeddings.register_tokens",
            Norm1 = "norm1",
            LayerScale1 = "layer_scale1.lambda1",
            Norm2 = "norm2",
            Fc1 = ["mlp.fc1"],
            Fc2 = "mlp.fc2",
            LayerScale2 = "layer_scale2.lambda1",
            Aliases = vit.Aliases.Where(pair => !pair.Key.StartsWith("mlp.", StringComparison.Ordinal))
                .ToDictionary(StringComparer.Ordinal),
        };
        TensorNames third = second with
        {
            Kind = ModelKind.DinoV3,
            Has = has => !has("position_embeddings") && !has("patch_embeddings.projection.")
                && (has("embeddings.register_tokens") || has("embeddings.patch_embeddings.weight")),
            Epsilon = 1e-5,
            Positions = "",
            PatchEmbedding = "embeddings.patch_embeddings",
            Block = "layer.",
            Qkv = ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
            Biases = BiasNames.AnyMayLack,
            Projection = "attention.o_proj",
            Fc1 = ["mlp.up_proj"],
            Fc2 = "mlp.down_proj",
            Norm = "norm",
            Aliases = new Dictionary<string, string>(),
        };
        return
        [
            third with { Has = has => third.Has(has) && has("mlp.gate_proj."), Fc1 = ["mlp.gate_proj", "mlp.up_proj"], HasGate = true },
            third,
            second with
            {
                Has = has => second.Has(has) && has("mlp.weights_in."), Fc1 = ["mlp.weights_in"], Fc2 = "mlp.weights_out", HasGate = true,
            },
            second,
            vit,
        ];
    }

    private static IEnumerable<TensorNames> Original()
    {
        var vit = new TensorNames
        {
            Layout = CheckpointLayout.Dino,
            Kind = ModelKind.Dino,
            Has = _ => true,
            Epsilon = 1e-6, // partial(nn.LayerNorm, eps=1e-6) of DINO and DINOv2
            ClassToken = TrunkNames.DinoMarker,
            Positions = "pos_embed",
            PatchEmbedding = "patch_embed.proj",
            Block = "blocks.",
            Norm1 = "norm1",
            Qkv = ["attn.qkv"],
            Projection = "attn.proj",
            Norm2 = "norm2",
            Fc1 = ["mlp.fc1"],
            Fc2 = "mlp.fc2",
            Norm = "norm",
        };
        TensorNames second = vit with
        {
            Kind = ModelKind.DinoV2,
            Has = has => has("register_tokens") || (has(".ls1.gamma") && !has("reg_token")),
            Registers = "register_tokens",
            MayMergeClassPosition = true, // timm's, which has the same names but for the registers
            HasGate = null,
            LayerScale1 = "ls1.gamma",
            LayerScale2 = "ls2.gamma",
        };
        TensorNames third = second with
        {
            Kind = ModelKind.DinoV3,
            Has = has => has("storage_tokens") || has("rope_embed.") || has(".qkv.bias_mask"),
            Epsilon = 1e-5,
            Positions = "",
            Registers = "storage_tokens",
            Periods = "rope_embed.periods",
            Biases = BiasNames.Masked,
            HasGate = false,
        };
        TensorNames timmSecond = second with { Has = has => has("reg_token"), Registers = "reg_token" };
        TensorNames timmThird = third with
        {
            Has = has => has("reg_token") && !has("pos_embed"),
            Registers = "reg_token",
            Periods = "",
            Biases = BiasNames.QueryAndValue,
            LayerScale1 = "gamma_1",
            LayerScale2 = "gamma_2",
        };
        return
        [
            third with { Has = has => third.Has(has) && has(".mlp.w1."), Fc1 = ["mlp.w1", "mlp.w2"], Fc2 = "mlp.w3", HasGate = true },
            third,
            timmThird with { Has = has => timmThird.Has(has) && has(".mlp.fc1_g."), Fc1 = ["mlp.fc1_g", "mlp.fc1_x"], HasGate = true },
            timmThird,
            second with { Has = has => has(".mlp.w12."), Fc1 = ["mlp.w12"], Fc2 = "mlp.w3", HasGate = true },
            second,
            timmSecond,
            vit,
        ];
    }
}

/// <summary>Where the biases of query, key and value are. One that is nowhere is zero.</summary>
internal enum BiasNames
{
    /// <summary>In every module.</summary>
    All,

    /// <summary>In every module, or in all but the key's: attention without RoPE does not depend on that one.</summary>
    KeyMayLack,

    /// <summary>In any of the modules, in all blocks or in none.</summary>
    AnyMayLack,

    /// <summary>In the module or not; <c>bias_mask</c> beside it says with ones and zeros what of it counts.</summary>
    Masked,

    /// <summary>Beside the module, <c>q_bias</c> and <c>v_bias</c>, or not.</summary>
    QueryAndValue,
}
