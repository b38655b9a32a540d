using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>DINOv2 and DINOv3 are recognized from their tensors, under every name that these are given.</summary>
public sealed class FamilyCheckpointTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public static TheoryData<string> Models => FamilyModel.All;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("dinov2", ModelKind.DinoV2, 0, MlpKind.Gelu, 128, PositionKind.Table, PositionInterpolation.Size, 70, 1e-6)]
    [InlineData("dinov2_swiglu", ModelKind.DinoV2, 0, MlpKind.GatedSilu, 88, PositionKind.Table, PositionInterpolation.Size, 70, 1e-6)]
    [InlineData("dinov2_reg", ModelKind.DinoV2, 4, MlpKind.Gelu, 128, PositionKind.Table, PositionInterpolation.Antialias, 70, 1e-6)]
    [InlineData("dinov3", ModelKind.DinoV3, 4, MlpKind.Gelu, 128, PositionKind.Rotary, PositionInterpolation.Size, 64, 1e-5)]
    [InlineData("dinov3_gated", ModelKind.DinoV3, 4, MlpKind.GatedSilu, 64, PositionKind.Rotary, PositionInterpolation.Size, 64, 1e-5)]
    public void The_config_is_that_of_the_model(
        string model, ModelKind kind, int registers, MlpKind mlp, int size, PositionKind positions, PositionInterpolation how, int image,
        double epsilon)
    {
        var expected = new VitConfig
        {
            Kind = kind,
            HiddenSize = 32,
            LayerCount = 2,
            HeadCount = 2,
            MlpSize = size,
            MlpKind = mlp,
            PatchSize = kind == ModelKind.DinoV3 ? 16 : 14,
            TrainedGrid = image / (kind == ModelKind.DinoV3 ? 16 : 14),
            LayerNormEpsilon = epsilon,
            RegisterCount = registers,
            HasLayerScale = true,
            PositionKind = positions,
            DefaultInterpolation = how,
        };
        Assert.Equal(expected, FamilyModel.Load(model).Config);
        VitConfig original = FamilyModel.LoadOriginal(model).Config;
        Assert.Equal(expected with { TrainedGrid = original.TrainedGrid }, original);
        Assert.Equal(positions == PositionKind.Rotary ? 224 : 70, original.TrainedImageSize);
        Assert.Equal(expected.TrainedImageSize, expected.DefaultInputSize);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Both_sets_of_names_load_to_equal_arrays(string model)
    {
        VitWeights expected = FamilyModel.Load(model);
        VitWeights found = FamilyModel.LoadOriginal(model);
        AssertEqual(expected, found);
        if (expected.Config.PositionKind == PositionKind.Table)
            return;
        // 100^(4 i / 16) in float32, and rounded to bfloat16 as Meta's files have it.
        Assert.Equal([1f, 3.1622777f, 10f, 31.622776f], expected.RotaryPeriods);
        Assert.Equal(expected.RotaryPeriods.Select(TinyModels.ToBFloat16), found.RotaryPeriods);
        Assert.All(found.Blocks, block => Assert.Equal(new float[32], block.Qkv.Bias[32..64])); // 9.5 in the file, and masked
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Writing_and_reading_again_changes_nothing(string model)
    {
        foreach (string file in (string[])["model.safetensors", "original.pth"])
        {
            VitWeights weights = Checkpoint.Load(FamilyModel.PathOf(model, file));
            string path = Path.Combine(Directory.CreateDirectory(_folder[file]).FullName, "model.safetensors");
            SafetensorsWriter.WriteModel(path, weights, WeightsDataType.Float32);
            VitWeights again = Checkpoint.Load(path);
            Assert.Equal(weights.Config, again.Config);
            AssertEqual(weights, again);
            Assert.Equal(weights.RotaryPeriods, again.RotaryPeriods);
            Assert.Equal(weights.Preprocessor?.Difference, again.Preprocessor?.Difference);
            File.Delete(Path.Combine(_folder[file], "config.json"));
            Assert.Equal(weights.Config, Checkpoint.Load(path).Config); // the file alone says all
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void The_written_tensors_have_the_names_of_the_hub(string model)
    {
        string path = _folder["a.safetensors"];
        SafetensorsWriter.Write(path, FamilyModel.LoadOriginal(model));
        Assert.Equal(
            CheckpointInfo.Read(FamilyModel.PathOf(model, "model.safetensors")).Tensors
                .Select(tensor => tensor.Name).Where(name => !name.EndsWith("mask_token", StringComparison.Ordinal)).Order(),
            CheckpointInfo.Read(path).Tensors.Select(tensor => tensor.Name).Order());
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Wrappers_groups_of_blocks_and_newer_names_are_the_same_model(string model)
    {
        VitWeights weights = FamilyModel.Load(model);
        AssertSame(CheckpointLayout.Dino, name => "teacher.backbone." + name);
        AssertSame(CheckpointLayout.Dino, name => "module." + Chunk(name));
        AssertSame(CheckpointLayout.HuggingFace, name => "dino." + name);
        AssertSame(CheckpointLayout.HuggingFace, name => name.StartsWith("layer.", StringComparison.Ordinal) ? "model." + name
            : name.Replace("attention.attention.query", "attention.q_proj").Replace("attention.output.dense", "attention.o_proj"));

        static string Chunk(string name) => name.Replace("blocks.0.", "blocks.0.0.").Replace("blocks.1.", "blocks.1.1.");

        void AssertSame(CheckpointLayout layout, Func<string, string> rename)
        {
            var file = new SafetensorsFile();
            foreach (TensorSlot slot in TensorSlots.For(layout, weights.Config).Where(slot => !slot.IsMask))
                file.Add(rename(slot.Name), "F32", slot.Shape, TinyModels.Bytes(slot.Data(weights).Span, "F32"));
            AssertEqual(weights, Checkpoint.Load(_folder.Write("a.safetensors", file.ToArray()), new CheckpointOptions { Heads = 2 }));
        }
    }

    [Theory]
    [InlineData("dinov2")]
    [InlineData("dinov2_swiglu")]
    [InlineData("dinov2_reg")]
    public void Second_model_of_timm(string model)
    {
        // No row of the table for the class token, which has it added; SwiGLU under the names of a plain MLP.
        VitWeights weights = FamilyModel.Load(model);
        int hidden = weights.Config.HiddenSize;
        var file = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.Dino(weights.Config))
        {
            string name = slot.Name.Replace("register_tokens", "reg_token").Replace("w12", "fc1").Replace("w3", "fc2");
            float[] values = slot.Data(weights).ToArray();
            long[] shape = slot.Shape;
            if (name == "cls_token")
                values = [.. values.Select((value, i) => value + weights.Positions[i])];
            if (name == "pos_embed")
                (values, shape) = (values[hidden..], [1, shape[1] - 1, hidden]);
            file.Add(name, "F32", shape, TinyModels.Bytes(values, "F32"));
        }

        VitWeights found = Checkpoint.Load(_folder.Write("a.safetensors", file.ToArray()), new CheckpointOptions { Heads = 2 });
        Assert.Equal(weights.Config, found.Config);
        Assert.Equal(new StartingTable(weights).Rows(5, 5), new StartingTable(found).Rows(5, 5));
        Assert.Equal(new StartingTable(weights).Rows(7, 4), new StartingTable(found).Rows(7, 4));
        for (int layer = 0; layer < 2; layer++)
        {
            Assert.Equal(weights.Blocks[layer].Fc1.Weight, found.Blocks[layer].Fc1.Weight);
            Assert.Equal(weights.Blocks[layer].LayerScale2, found.Blocks[layer].LayerScale2);
        }
    }

    [Theory]
    [InlineData("dinov3", true)]
    [InlineData("dinov3", false)]
    [InlineData("dinov3_gated", true)]
    public void Third_model_of_timm(string model, bool hasBias)
    {
        VitWeights weights = FamilyModel.Load(model);
        TensorNames names = TensorNames.All.First(one => one.Biases == BiasNames.QueryAndValue
            && one.HasGate == (weights.Config.MlpKind == MlpKind.GatedSilu));
        var file = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.For(names, weights.Config).Where(slot => hasBias || slot.Optional.Length == 0))
            file.Add(slot.Name, "F32", slot.Shape, TinyModels.Bytes(slot.Data(weights).Span, "F32"));
        VitWeights found = Checkpoint.Load(_folder.Write("a.safetensors", file.ToArray()), new CheckpointOptions { Heads = 2 });
        if (!hasBias)
        {
            foreach (BlockWeights block in weights.Blocks)
                block.Qkv.Bias.AsSpan().Clear();
        }

        AssertEqual(weights, found);
        Assert.Equal(weights.RotaryPeriods, found.RotaryPeriods);
        Assert.Contains(hasBias ? "blocks.0.attn.q_bias" : "blocks.0.gamma_1", CheckpointInfo.Read(_folder["a.safetensors"]).Tensors
            .Select(tensor => tensor.Name));
    }

    [Theory]
    [InlineData("dinov2", "encoder.layer.1.layer_scale2.lambda1", "missing encoder.layer.1.layer_scale2.lambda1 (32)")]
    [InlineData("dinov2_reg", "embeddings.position_embeddings", "missing embeddings.position_embeddings")]
    [InlineData("dinov2_swiglu", "encoder.layer.0.mlp.weights_out.bias", "missing encoder.layer.0.mlp.weights_out.bias (32)")]
    [InlineData("dinov3", "embeddings.register_tokens", "missing embeddings.register_tokens (1, 4, 32)")]
    [InlineData("dinov3", "layer.1.attention.v_proj.bias", "missing layer.1.attention.v_proj.bias (32)")]
    [InlineData("dinov3", "embeddings.patch_embeddings.weight", "missing embeddings.patch_embeddings.weight (32, 3, 16, 16)")]
    [InlineData("dinov3_gated", "layer.0.mlp.gate_proj.weight", "missing layer.0.mlp.gate_proj.weight")]
    public void A_missing_tensor_is_named(string model, string lost, string expected)
    {
        VitWeights weights = FamilyModel.Load(model);
        var file = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.HuggingFace(weights.Config).Where(slot => slot.Name != lost))
            file.Add(slot.Name, "F32", slot.Shape, TinyModels.Bytes(slot.Data(weights).Span, "F32"));
        File.Copy(FamilyModel.PathOf(model, "config.json"), _folder["config.json"]);
        string message = _folder.Refusal("model.safetensors", file.ToArray());
        Assert.Contains(expected, message);
        Assert.Contains(model.StartsWith("dinov2", StringComparison.Ordinal) ? "a DINOv2 ViT" : "a DINOv3 ViT", message);
    }

    [Theory]
    [InlineData("dinov2", "\"model_type\": \"dinov2\"", "\"model_type\": \"vit\"", "only dinov2, dinov2_with_registers are supported")]
    [InlineData("dinov2", "\"mlp_ratio\": 4", "\"mlp_ratio\": 3", "mlp_ratio 3, which makes 96, the tensors 128")]
    [InlineData("dinov2", "\"use_swiglu_ffn\": false", "\"use_swiglu_ffn\": true", "use_swiglu_ffn true, the tensors false")]
    [InlineData("dinov2_reg", "\"num_register_tokens\": 4", "\"num_register_tokens\": 0", "num_register_tokens 0, the tensors 4")]
    [InlineData("dinov2_reg", "\"image_size\": 70", "\"image_size\": 518", "image_size 518, the tensors 70")]
    [InlineData("dinov3", "\"use_gated_mlp\": false", "\"use_gated_mlp\": true", "use_gated_mlp true, the tensors false")]
    [InlineData("dinov3", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"silu\"", "hidden_act silu, only gelu is supported")]
    [InlineData("dinov3_gated", "\"intermediate_size\": 64", "\"intermediate_size\": 128", "intermediate_size 128, the tensors 64")]
    [InlineData("dinov3", "\"mlp_bias\": true", "\"mlp_bias\": false", "mlp_bias False, only true is supported")]
    [InlineData("dinov3", "\"query_bias\": true", "\"query_bias\": false", "query_bias false, the tensors true")]
    [InlineData("dinov3", "\"key_bias\": false", "\"key_bias\": true", "key_bias true, the tensors false")]
    [InlineData("dinov3", "\"rope_theta\": 100.0", "\"rope_theta\": 0", "rope_theta is '0', expected a positive number")]
    [InlineData("dinov3", "\"rope_theta\": 100.0", "\"rope_theta\": 1e300", "the periods of RoPE have the value Infinity")]
    [InlineData("dinov3", "\"num_attention_heads\": 2", "\"num_attention_heads\": 16", "is 16, heads of 2 columns, expected a multiple")]
    public void A_config_that_says_otherwise_is_refused(string model, string said, string instead, string expected)
    {
        File.Copy(FamilyModel.PathOf(model, "model.safetensors"), _folder["model.safetensors"]);
        string config = File.ReadAllText(FamilyModel.PathOf(model, "config.json"));
        Assert.Contains(said, config);
        File.WriteAllText(_folder["config.json"], config.Replace(said, instead));
        Assert.Contains(expected, Assert.Throws<WeightsException>(() => Checkpoint.Load(_folder["model.safetensors"])).Message);
    }

    /// <summary>What lies beside a trunk decides nothing, whatever its names are made of.</summary>
    [Theory]
    [InlineData(CheckpointLayout.HuggingFace, "decoder.layers.0.norm1.weight")]
    [InlineData(CheckpointLayout.HuggingFace, "neck.mlp.gate_proj.weight")]
    [InlineData(CheckpointLayout.Dino, "decoder.blocks.0.ls1.gamma")]
    [InlineData(CheckpointLayout.Dino, "head.mlp.w12.weight")]
    public void Decoders_and_heads_do_not_make_another_model(CheckpointLayout layout, string beside)
    {
        SafetensorsFile file = SafetensorsFile.Of(layout, TinyModels.HuggingFace with { LayerNormEpsilon = 1e-6 }, prefix: "m.")
            .Add("m." + beside, "F32", [1], [0, 0, 128, 63]);
        VitConfig? config = CheckpointInfo.Read(_folder.Write("a.safetensors", file.ToArray()), new CheckpointOptions { Heads = 3 }).Config;
        if (layout == CheckpointLayout.Dino)
            Assert.Equal(ModelKind.Dino, config!.Kind);
        else
            Assert.DoesNotContain("DINOv2", CheckpointInfo.Read(_folder["a.safetensors"], new CheckpointOptions { Heads = 3 }).Problem!);
    }

    [Fact]
    public void Another_theta_makes_other_periods()
    {
        File.Copy(FamilyModel.PathOf("dinov3", "model.safetensors"), _folder["model.safetensors"]);
        string config = File.ReadAllText(FamilyModel.PathOf("dinov3", "config.json"));
        File.WriteAllText(_folder["config.json"], config.Replace("\"rope_theta\": 100.0", "\"rope_parameters\": {\"rope_theta\": 16}"));
        Assert.Equal([1f, 2f, 4f, 8f], Checkpoint.Load(_folder["model.safetensors"]).RotaryPeriods);
    }

    [Theory]
    [InlineData(CheckpointLayout.HuggingFace)]
    [InlineData(CheckpointLayout.Dino)]
    public void A_third_model_may_lack_registers_and_gains(CheckpointLayout layout)
    {
        VitConfig config = FamilyModel.Load("dinov3").Config with { RegisterCount = 0, HasLayerScale = false, TrainedGrid = 14 };
        VitWeights weights = SyntheticWeights.Create(config);
        var file = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.For(layout, config).Where(slot => !slot.IsMask))
            file.Add(slot.Name, "F32", slot.Shape, TinyModels.Bytes(slot.Data(weights).Span, "F32"));
        string path = _folder.Write("a.safetensors", file.ToArray());
        TinyModels.AssertEqual(weights, Checkpoint.Load(path, new CheckpointOptions { Heads = 2 }));
    }

    /// <summary>As the 7B models: no bias of queries, keys and values.</summary>
    [Fact]
    public void The_written_config_says_which_biases_were_written()
    {
        VitWeights weights = FamilyModel.Load("dinov3");
        foreach (BlockWeights block in weights.Blocks)
            block.Qkv.Bias.AsSpan().Clear();
        SafetensorsWriter.Write(_folder["model.safetensors"], weights);
        SafetensorsWriter.WriteConfig(_folder["config.json"], weights.Config);
        Assert.Contains(
            "query_bias true, the tensors false",
            Assert.Throws<WeightsException>(() => Checkpoint.Load(_folder["model.safetensors"])).Message);
        SafetensorsWriter.WriteConfig(_folder["config.json"], weights, WeightsDataType.Float32);
        TinyModels.AssertEqual(weights, Checkpoint.Load(_folder["model.safetensors"]));
    }

    [Theory]
    [InlineData(16, new float[] { 1, 2, 4, 8 })]
    [InlineData(100, new float[] { 1, 3.15625f, 10, 31.625f })]
    [InlineData(10000, new float[] { 1, 10, 100, 1000 })]
    [InlineData(0, new float[] { 1, 2, 3, 9 })]
    public void The_written_config_has_the_base_of_the_periods(int expected, float[] periods)
    {
        VitWeights weights = FamilyModel.Load("dinov3");
        periods.CopyTo(weights.RotaryPeriods, 0);
        SafetensorsWriter.WriteModel(_folder["model.safetensors"], weights, WeightsDataType.Float32);
        string config = File.ReadAllText(_folder["config.json"]);
        using (var json = JsonDocument.Parse(config))
            Assert.Equal(expected, json.RootElement.TryGetProperty("rope_theta", out JsonElement theta) ? theta.GetDouble() : 0);
        Assert.Equal(periods, Checkpoint.Load(_folder["model.safetensors"]).RotaryPeriods);
        if (expected == 0)
            return;
        File.WriteAllText(_folder["config.json"], config.Replace($"\"rope_theta\": {expected}", "\"rope_theta\": 120"));
        Assert.Contains(
            "config.json says rope_theta 120, not that of rope_periods",
            Assert.Throws<WeightsException>(() => Checkpoint.Load(_folder["model.safetensors"])).Message);
    }

    [Fact]
    public void Heads_that_cannot_be_rotated_are_refused()
    {
        File.Copy(FamilyModel.PathOf("dinov3", "model.safetensors"), _folder["model.safetensors"]);
        Assert.Contains(
            "num_attention_heads is 16, heads of 2 columns, expected a multiple of 4 for RoPE",
            Assert.Throws<WeightsException>(
                () => Checkpoint.Load(_folder["model.safetensors"], new CheckpointOptions { Heads = 16 })).Message);
    }

    /// <summary>Angles are divided by them, and an angle that is no number spoils every token.</summary>
    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("NaN")]
    [InlineData("1e60")]
    public void Periods_must_be_positive_numbers(string period)
    {
        VitWeights weights = FamilyModel.Load("dinov3");
        var file = SafetensorsFile.Of(CheckpointLayout.HuggingFace, weights, name => name);
        var metadata = new Dictionary<string, string> { ["num_attention_heads"] = "2", ["rope_periods"] = "1 2 4 " + period };
        Assert.Contains(
            "the periods of RoPE have the value", _folder.Refusal("model.safetensors", file.ToArray(metadata)), StringComparison.Ordinal);
        if (!float.TryParse(period, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) || !float.IsFinite(value))
            return;
        var original = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.Dino(weights.Config).Where(slot => !slot.IsMask))
        {
            float[] values = slot.Data(weights).ToArray();
            if (slot.Name == "rope_embed.periods")
                values[3] = value;
            original.Add(slot.Name, "F32", slot.Shape, TinyModels.Bytes(values, "F32"));
        }

        Assert.Contains("rope_embed.periods has the value " + period, _folder.Refusal("a.safetensors", original.ToArray()));
    }

    [Fact]
    public void A_mask_of_other_numbers_is_refused()
    {
        VitWeights weights = FamilyModel.Load("dinov3");
        var file = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.Dino(weights.Config))
            file.Add(slot.Name, "F32", slot.Shape, TinyModels.Bytes(slot.Data(weights).Span, "F32"));
        Assert.Contains("blocks.0.attn.qkv.bias_mask has the value", _folder.Refusal("a.safetensors", file.ToArray()));
    }

    [Fact]
    public void Gains_are_folded_into_the_layers_before_them()
    {
        VitWeights weights = FamilyModel.Load("dinov2_swiglu");
        VitWeights folded = weights.FoldLayerScale();
        Assert.False(folded.Config.HasLayerScale);
        Assert.Same(folded, folded.FoldLayerScale());
        for (int layer = 0; layer < 2; layer++)
        {
            BlockWeights block = weights.Blocks[layer], plain = folded.Blocks[layer];
            Assert.Null(plain.LayerScale1);
            Assert.Null(plain.LayerScale2);
            for (int row = 0; row < 32; row++)
            {
                Assert.Equal(block.LayerScale1![row] * block.Projection.Bias[row], plain.Projection.Bias[row]);
                Assert.Equal(block.LayerScale1[row] * block.Projection.Weight[row * 32 + 5], plain.Projection.Weight[row * 32 + 5]);
                Assert.Equal(block.LayerScale2![row] * block.Fc2.Bias[row], plain.Fc2.Bias[row]);
                Assert.Equal(block.LayerScale2[row] * block.Fc2.Weight[row * 88 + 87], plain.Fc2.Weight[row * 88 + 87]);
            }
        }
    }

    /// <summary>Compares bit by bit, apart from the periods of RoPE.</summary>
    private static void AssertEqual(VitWeights expected, VitWeights actual) =>
        TinyModels.AssertEqual(With(expected), With(actual));

    private static VitWeights With(VitWeights weights) => new()
    {
        Config = weights.Config with { TrainedGrid = 1, LayerNormEpsilon = 0 },
        ClassToken = weights.ClassToken,
        Positions = weights.Positions,
        Registers = weights.Registers,
        PatchEmbedding = weights.PatchEmbedding,
        Blocks = weights.Blocks,
        Norm = weights.Norm,
    };
}
