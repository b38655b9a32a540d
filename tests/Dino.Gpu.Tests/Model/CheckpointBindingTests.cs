using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Model;

/// <summary>What fits a ViT, what does not, and that one error says all of it.</summary>
public sealed class CheckpointBindingTests : IDisposable
{
    private const string Config = """
        {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 192, "patch_size": 8, "image_size": 32,
         "layer_norm_eps": 1e-12, "hidden_act": "gelu", "qkv_bias": true, "num_channels": 3, "model_type": "vit"}
        """;

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("F32")]
    [InlineData("F64")]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Every_element_type_is_read(string type)
    {
        WriteConfig(Config);
        VitWeights found = Load(SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace, type));
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.HuggingFace), found, type switch
        {
            "F16" => value => (float)(Half)value,
            "BF16" => TinyModels.ToBFloat16,
            _ => null,
        });
    }

    [Fact]
    public void Prefixes_poolers_and_heads_are_known()
    {
        WriteConfig(Config);
        SafetensorsFile withPooler = SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace, prefix: "vit.")
            .Add("vit.pooler.dense.weight", "F32", [1, 1], new byte[4])
            .Add("vit.pooler.dense.bias", "F32", [1], new byte[4]);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.HuggingFace), Load(withPooler));

        // The config.json above belongs to the other model: original DINO files have none.
        SafetensorsFile withHead = SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino, prefix: "module.backbone.")
            .Add("module.head.mlp.0.weight", "F32", [1, 1], new byte[4])
            .Add("module.head.last_layer.weight_g", "F32", [1, 1], new byte[4]);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), Load(withHead));
    }

    [Fact]
    public void One_error_lists_the_first_and_info_lists_everything_with_shapes()
    {
        WriteConfig(Config);
        string message = Refuse(SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace)
            .Remove("encoder.layer.1.layernorm_before.weight")
            .Remove("encoder.layer.2.attention.attention.key.bias")
            .Reshape("encoder.layer.0.output.dense.weight", [192, 48])
            .Reshape("embeddings.patch_embeddings.projection.weight", [48, 192])
            .Reshape("layernorm.bias", [48], "I32")
            .Add("neck.weight", "F32", [2, 1], new byte[8]));
        string[] expected =
        [
            "missing encoder.layer.1.layernorm_before.weight (48)",
            "missing encoder.layer.2.attention.attention.key.bias (48)",
            "encoder.layer.0.output.dense.weight is (192, 48), expected (48, 192)",
            "embeddings.patch_embeddings.projection.weight is (48, 192), expected (48, 3,",
            "layernorm.bias is I32, expected F32, F16, BF16 or F64",
            "unexpected 'neck.weight' (2, 1)",
        ];
        IReadOnlyList<string> problems = CheckpointInfo.Read(_folder["a.safetensors"]).Problems;
        Assert.All(expected, part => Assert.Contains(problems, problem => problem.Contains(part, StringComparison.Ordinal)));
        int listed = problems.TakeWhile(problem => message.Contains(problem, StringComparison.Ordinal)).Count();
        Assert.InRange(listed, 1, 3); // as many as 300 characters hold, with the path
        Assert.EndsWith($"; and {problems.Count - listed} more", message);
        Assert.InRange(message.Length, 0, 300);
    }

    [Fact]
    public void A_layer_that_lost_all_its_tensors_is_missing()
    {
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino with { LayerCount = 3 });
        foreach (string name in (string[])[
                "norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"
            ]) file.Remove($"blocks.1.{name}.weight").Remove($"blocks.1.{name}.bias");
        string message = Refuse(file);
        Assert.Contains("missing blocks.1.attn.qkv.weight (384, 128)", message);
        Assert.DoesNotContain(
            CheckpointInfo.Read(_folder["a.safetensors"]).Problems, problem => problem.Contains("unexpected", StringComparison.Ordinal));
        Refuse(file.Add("blocks.2000000000.norm1.weight", "F32", [1], new byte[4]));
        Assert.Contains("unexpected 'blocks.2000000000.norm1.weight' (1)", CheckpointInfo.Read(_folder["a.safetensors"]).Problems);
    }

    [Theory]
    [InlineData("\"hidden_size\": 48", "\"hidden_size\": 64", "config.json says hidden_size 64, the tensors 48")]
    [InlineData("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", "says num_hidden_layers 4, the tensors 3")]
    [InlineData("\"intermediate_size\": 192", "\"intermediate_size\": 1", "says intermediate_size 1, the tensors 192")]
    [InlineData("\"patch_size\": 8", "\"patch_size\": 16", "says patch_size 16, the tensors 8")]
    [InlineData("\"image_size\": 32", "\"image_size\": 224", "says image_size 224, the tensors 32")]
    [InlineData("\"gelu\"", "\"gelu_new\"", "says hidden_act gelu_new, only gelu")]
    [InlineData("\"qkv_bias\": true", "\"qkv_bias\": false", "says qkv_bias False, only true")]
    [InlineData("\"num_channels\": 3", "\"num_channels\": 1", "says num_channels 1, only 3")]
    [InlineData("\"num_attention_heads\": 3", "\"num_attention_heads\": 5", "num_attention_heads is 5, expected a divisor of hidden "
        + "size 48")]
    [InlineData("\"num_attention_heads\": 3", "\"num_attention_heads\": 0", "num_attention_heads is 0")]
    [InlineData("\"num_attention_heads\": 3, ", "", "hidden size 48 is no multiple of 64")]
    [InlineData("1e-12", "-1", "layer_norm_eps is -1")]
    [InlineData("1e-12", "\"small\"", "layer_norm_eps is 'small', expected a number")]
    [InlineData("\"patch_size\": 8", "\"patch_size\": [8]", "patch_size is '[8]', expected an integer")]
    [InlineData("{\"hidden_size\"", "\"hidden_size\"", "not valid JSON")]
    public void A_config_that_contradicts_is_refused(string part, string replacement, string expected)
    {
        WriteConfig(Config.Replace(part, replacement, StringComparison.Ordinal));
        Assert.Contains(expected, Refuse(SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace)));
    }

    /// <summary>With a byte order mark, too: editors of Windows write one.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("\uFEFF")]
    public void The_config_says_heads_and_epsilon(string before)
    {
        WriteConfig(
            before + Config.Replace(
                "\"num_attention_heads\": 3",
                "\"num_attention_heads\": 4",
                StringComparison.Ordinal).Replace("1e-12", "1e-5", StringComparison.Ordinal));
        VitWeights weights = Load(SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace));
        Assert.Equal((4, 1e-5), (weights.Config.HeadCount, weights.Config.LayerNormEpsilon));
    }

    [Fact]
    public void Without_a_config_names_decide_the_epsilon_and_heads_have_64_columns()
    {
        VitConfig config = TinyModels.Dino with { LayerNormEpsilon = 1e-12 };
        Assert.Equal(config, Load(SafetensorsFile.Of(CheckpointLayout.HuggingFace, config)).Config);
        Assert.Equal(TinyModels.Dino, Load(SafetensorsFile.Of(CheckpointLayout.Dino, config)).Config);
    }

    [Fact]
    public void The_files_own_metadata_says_heads_and_epsilon_and_must_agree()
    {
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace);
        var metadata = new Dictionary<string, string> { ["num_attention_heads"] = "6", ["layer_norm_eps"] = "1E-06" };
        string path = _folder.Write("a.safetensors", file.ToArray(metadata));
        VitConfig found = Checkpoint.Load(path).Config;
        Assert.Equal((6, 1e-6), (found.HeadCount, found.LayerNormEpsilon));

        WriteConfig(Config);
        Assert.Contains(
            "num_attention_heads is 6 in the file's metadata and 3 in config.json",
            _folder.Refusal("a.safetensors", file.ToArray(metadata)));
    }

    [Theory]
    [InlineData(new long[] { 48 }, "the class token has the shape (48)")]
    [InlineData(new long[] { 1, 48, 1, 1 }, "cls_token is (1, 48, 1, 1)")]
    public void A_class_token_of_another_shape_is_refused(long[] shape, string expected)
    {
        string message =
            Refuse(SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace).Reshape("embeddings.cls_token", shape));
        IReadOnlyList<string> problems = CheckpointInfo.Read(_folder["a.safetensors"]).Problems; // the message holds the first
        Assert.Contains(problems.Append(message), problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Positions_must_be_a_square()
    {
        Assert.Contains("the position table has 51 rows, expected 1 + a square", Refuse(
            SafetensorsFile.Of(
                CheckpointLayout.HuggingFace, TinyModels.HuggingFace).Reshape("embeddings.position_embeddings", [1, 51, 16])));
    }

    [Fact]
    public void Tensors_that_claim_the_same_storage_over_and_over_are_refused()
    {
        // Every tensor fits its storage, yet all of them together are far larger than the file.
        VitConfig config = TinyModels.Dino with { LayerCount = 40, TrainedGrid = 1 };
        byte[] pickle = PickleBuilder.Dictionary(p =>
        {
            foreach (TensorSlot slot in TensorSlots.Dino(config))
            {
                var strides = new long[slot.Shape.Length];
                long stride = 1;
                for (int i = strides.Length - 1; i >= 0; i--) (strides[i], stride) = (stride, stride * slot.Shape[i]);
                p.Text(slot.Name).Tensor("0", 3 * 128 * 128, 0, slot.Shape, strides);
            }
        });
        Assert.Contains("they overlap", _folder.Refusal("shared.bin", PickleBuilder.Archive(pickle, ("0", new byte[3 * 128 * 128 * 4]))));
    }

    [Fact]
    public void Info_reads_what_cannot_be_loaded()
    {
        string path = _folder.Write("resnet.safetensors", new SafetensorsFile().Add("conv1.weight", "I64", [2], new byte[16]).ToArray());
        CheckpointInfo info = CheckpointInfo.Read(path);
        Assert.Equal((null, null), (info.Layout, info.Config));
        Assert.Contains("not a DINO ViT", info.Problem);
        CheckpointTensor tensor = Assert.Single(info.Tensors);
        Assert.Equal(("conv1.weight", "I64", 2L, 16L), (tensor.Name, tensor.DataType, Assert.Single(tensor.Shape), tensor.Bytes));
    }

    private void WriteConfig(string text) => _folder.Write("config.json", Encoding.UTF8.GetBytes(text));

    private VitWeights Load(SafetensorsFile file) => Checkpoint.Load(_folder.Write("a.safetensors", file.ToArray()));

    private string Refuse(SafetensorsFile file)
    {
        string path = _folder.Write("a.safetensors", file.ToArray());
        string message = Assert.Throws<WeightsException>(() => Checkpoint.Load(path)).Message;
        Assert.StartsWith(_folder.Root, message);
        Assert.DoesNotContain(message, char.IsControl);
        return message;
    }
}
