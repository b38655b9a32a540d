using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// What training scripts and other libraries make of a DINO ViT loads to the same weights; other models are named.
/// </summary>
public sealed class CheckpointVariantTests : IDisposable
{
    private const string HeadsConfig = """{"num_attention_heads": 3, "patch_size": [8, 8], "model_type": "vit_msn"}""";

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "head.weight")]
    [InlineData("", "head.last_layer2.weight")]
    [InlineData("", "mask_token")]
    [InlineData("", "masked_embed")]
    [InlineData("", "dino_head.mlp.0.weight")]
    [InlineData("", "ibot_head.mlp.0.weight")]
    [InlineData("module.", "module.head.weight")]
    [InlineData("_orig_mod.", "_orig_mod.head.weight")]
    [InlineData("model.", "criterion.center")]
    [InlineData("backbone.", "head.weight")]
    [InlineData("base_model.model.", "classifier.weight")]
    [InlineData("teacher_backbone.", "teacher_head.weight")]
    [InlineData("momentum_backbone.", "projector.0.weight")]
    public void A_prefix_and_what_lies_outside_it_do_not_matter(string prefix, string other)
    {
        SafetensorsFile file = SafetensorsFile.Of(
            CheckpointLayout.Dino, TinyModels.Dino, prefix: prefix).Add(other, "F32", [1], new byte[4]);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), Load(file));
        Assert.Equal([other], CheckpointInfo.Read(_folder["a.safetensors"]).Ignored);
    }

    [Theory]
    [InlineData("vit.", "classifier.weight", "I8")]
    [InlineData("vit.", "decoder.mask_token", "F32")]
    [InlineData("vit.", "scales", "F8_E4M3")]
    [InlineData("", "pooler.dense.weight", "F32")]
    [InlineData("", "embeddings.mask_token", "F32")]
    [InlineData("", "classifier.weight", "F32")]
    [InlineData("", "head.weight", "F32")]
    [InlineData("", "decoder.0.weight", "F32")]
    public void Heads_of_hugging_face_do_not_matter(string prefix, string other, string type)
    {
        _folder.Write("config.json", Encoding.UTF8.GetBytes(HeadsConfig));
        byte[] data = new byte[type == "F32" ? 4 : 1];
        SafetensorsFile file = SafetensorsFile.Of(
            CheckpointLayout.HuggingFace, TinyModels.HuggingFace, prefix: prefix).Add(other, type, [1], data);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.HuggingFace), Load(file));
    }

    [Theory]
    [InlineData("encoder.layers.")]
    [InlineData("layers.")]
    public void Newer_names_of_transformers_are_known(string layers)
    {
        _folder.Write("config.json", Encoding.UTF8.GetBytes(HeadsConfig));
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace);
        TinyModels.AssertEqual(weights, Load(SafetensorsFile.Of(CheckpointLayout.HuggingFace, weights, name => name
            .Replace("encoder.layer.", layers, StringComparison.Ordinal)
            .Replace("attention.attention.query", "attention.q_proj", StringComparison.Ordinal)
            .Replace("attention.attention.key", "attention.k_proj", StringComparison.Ordinal)
            .Replace("attention.attention.value", "attention.v_proj", StringComparison.Ordinal)
            .Replace("attention.output.dense", "attention.o_proj", StringComparison.Ordinal)
            .Replace("intermediate.dense", "mlp.fc1", StringComparison.Ordinal)
            .Replace(".output.dense", ".mlp.fc2", StringComparison.Ordinal))));
    }

    [Fact]
    public void Key_biases_that_no_layer_has_are_zero()
    {
        _folder.Write("config.json", Encoding.UTF8.GetBytes(HeadsConfig));
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace);
        for (int layer = 0; layer < TinyModels.HuggingFace.LayerCount; layer++)
            file.Remove($"encoder.layer.{layer}.attention.attention.key.bias");
        VitWeights weights = Load(file);
        int hidden = weights.Config.HiddenSize;
        Assert.All(weights.Blocks, block => Assert.All(block.Qkv.Bias[hidden..(2 * hidden)], value => Assert.Equal(0, value)));
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("model")]
    [InlineData("state_dict_ema")]
    [InlineData("model_ema")]
    [InlineData("model", "state_dict")]
    [InlineData("teacher", "model")]
    [InlineData("checkpoint", "state_dict")]
    [InlineData("a", "b", "teacher")]
    public void Dictionaries_of_training_scripts_are_opened(params string[] wrappers)
    {
        byte[] file = Torch(TinyModels.Dino, wrappers);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), Checkpoint.Load(_folder.Write("a.pth", file)));
    }

    [Theory]
    [InlineData("pathlib", "PosixPath")]
    [InlineData("datetime", "datetime")]
    [InlineData("collections", "defaultdict")]
    [InlineData("collections", "Counter")]
    [InlineData("collections", "deque")]
    [InlineData("numpy.core.multiarray", "_reconstruct")]
    [InlineData("omegaconf.dictconfig", "DictConfig")]
    [InlineData("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")]
    [InlineData("torch.optim.lr_scheduler", "CosineAnnealingLR")]
    [InlineData("types", "SimpleNamespace")]
    [InlineData("signal", "Signals")]
    [InlineData("builtins", "KeyError")]
    [InlineData("torch", "layout")]
    public void Objects_of_a_training_run_are_inert(string module, string name)
    {
        // As pickle writes an object: a call, its state, and what is put into it.
        byte[] file =
            Torch(TinyModels.Dino, ["state_dict"], pickle => pickle.Text("other").Import(module,
                name).Raw((byte)')', (byte)'R', (byte)'}', (byte)'b')
            .Op('(').Text("key").Integer(1).Op('u').Op('(').Integer(1).Integer(2).Op('e'));
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), Checkpoint.Load(_folder.Write("a.pth", file)));
    }

    [Theory]
    [InlineData(float.NaN, "not a number")]
    [InlineData(float.PositiveInfinity, "infinite")]
    public void A_weight_that_is_no_number_is_refused(float value, string expected)
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.Dino);
        weights.Blocks[1].Fc1.Bias[7] = value;
        Assert.Contains(
            $"blocks.1.mlp.fc1.bias has a value that is {expected}",
            Refuse(SafetensorsFile.Of(CheckpointLayout.Dino, weights, name => name)));
    }

    [Fact]
    public void A_matrix_of_zeros_is_refused()
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.Dino);
        weights.Blocks[1].Fc2.Weight.AsSpan().Clear();
        Assert.Contains("blocks.1.mlp.fc2.weight is all zeros", Refuse(SafetensorsFile.Of(CheckpointLayout.Dino, weights, name => name)));
    }

    [Theory]
    [InlineData(640, "hidden size 640 is none of DINO's")]
    [InlineData(1280, "hidden size 1280 is none of DINO's")]
    [InlineData(448, "hidden size 448 is none of DINO's")]
    [InlineData(80, "hidden size 80 is no multiple of 64")]
    public void Heads_of_a_model_that_is_not_dinos_must_be_said(int hidden, string expected)
    {
        VitConfig config = TinyModels.Dino with { HiddenSize = hidden, LayerCount = 1, MlpSize = 64, HeadCount = 16 };
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.Dino, config);
        Assert.Contains($"{expected}, so the number of heads must be said: --heads N, or config.json", Refuse(file));
        Assert.Equal(16, Checkpoint.Load(_folder["a.safetensors"], new CheckpointOptions { Heads = 16 }).Config.HeadCount);
    }

    /// <summary>As the message says; but a config of other sizes is that of another model.</summary>
    [Fact]
    public void A_config_beside_says_the_heads_of_a_file_with_dinos_names()
    {
        VitConfig config = TinyModels.Dino with { HiddenSize = 80, LayerCount = 1, MlpSize = 64, HeadCount = 16 };
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.Dino, config);
        _folder.Write("config.json", """{"hidden_size": 80, "num_hidden_layers": 1, "num_attention_heads": 5}"""u8.ToArray());
        Assert.Equal(5, Load(file).Config.HeadCount);
        _folder.Write("config.json", """{"hidden_size": 80, "num_hidden_layers": 2, "num_attention_heads": 5}"""u8.ToArray());
        Assert.Contains("so the number of heads must be said", Refuse(file));
    }

    [Fact]
    public void Heads_that_are_said_twice_must_be_the_same()
    {
        _folder.Write("config.json", Encoding.UTF8.GetBytes(HeadsConfig));
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace);
        string path = _folder.Write("a.safetensors", file.ToArray());
        Assert.Equal(3, Checkpoint.Load(path, new CheckpointOptions { Heads = 3 }).Config.HeadCount);
        Assert.Contains("num_attention_heads is 3, and 6 heads were asked for", Refusal(6));
        Assert.Contains("num_attention_heads is 3, and 5 heads were asked for", Refusal(5));

        string Refusal(int heads) =>
            Assert.Throws<WeightsException>(() => Checkpoint.Load(path, new CheckpointOptions { Heads = heads })).Message;
    }

    /// <summary>Its ViT-S has the shapes of DINO's and 12 heads of 32.</summary>
    [Fact]
    public void A_small_model_of_moco_is_not_taken_for_dinos()
    {
        VitConfig small = TinyModels.Dino with { HiddenSize = 384, LayerCount = 1, MlpSize = 64, HeadCount = 6 };
        VitWeights weights = SyntheticWeights.Create(small);
        const string expected = "other heads than DINO's, so the number of heads must be said: --heads N";
        Assert.Equal(6, Load(SafetensorsFile.Of(CheckpointLayout.Dino, weights, name => name)).Config.HeadCount);
        Assert.Contains(expected, Refuse(SafetensorsFile.Of(CheckpointLayout.Dino, weights, name => "module.momentum_encoder." + name)));

        weights.Positions.AsSpan(0, 384).Clear(); // sines, with zeros for the class token
        Assert.Contains(expected, Refuse(SafetensorsFile.Of(CheckpointLayout.Dino, weights, name => name)));
        Assert.Equal(12, Checkpoint.Load(_folder["a.safetensors"], new CheckpointOptions { Heads = 12 }).Config.HeadCount);
    }

    [Theory]
    [InlineData("norm.weight")]
    [InlineData("pos_embed")]
    [InlineData("cls_token")]
    [InlineData("blocks.1.norm2.weight")]
    public void A_tensor_of_zeros_is_refused(string name)
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.Dino);
        TensorSlots.Dino(TinyModels.Dino).Single(slot => slot.Name == name).Data(weights).Span.Clear();
        string message = Refuse(SafetensorsFile.Of(CheckpointLayout.Dino, weights, one => one));
        Assert.Contains($"{name} is all zeros, expected trained weights", message);
    }

    [Theory]
    [InlineData("dist_token", "a distilled DeiT")]
    [InlineData("logit_scale", "CLIP")]
    [InlineData("layer1.0.conv1.weight", "ResNet")]
    [InlineData("blocks.0.attn.relative_position_bias_table", "BEiT or Swin")]
    [InlineData("logit_bias", "SigLIP")]
    [InlineData("vision_model.embeddings.class_embedding", "CLIP")]
    [InlineData("convnext.encoder.stages.0.layers.0.dwconv.weight", "ConvNeXt")]
    [InlineData("convnext.embeddings.patch_embeddings.weight", "ConvNeXt")]
    [InlineData("conv_stem.weight", "EfficientNet or MobileNet")]
    [InlineData("norm_pre.weight", "CLIP")]
    public void Other_models_are_named(string key, string model)
    {
        Assert.Contains(
            $"weights of {model}", Refuse(SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino).Add(key, "F32", [1], new byte[4])));
        Assert.Contains($"weights of {model}", Refuse(new SafetensorsFile().Add(key, "F32", [1], new byte[4])));
    }

    [Theory]
    [InlineData("GGUF", "a GGUF file")]
    [InlineData("\u0089HDF\r\n\u001a\n", "an HDF5 file")]
    [InlineData("\u001f\u008b\u0008\0", "a gzip file")]
    [InlineData("7z\u00bc\u00af\u0027\u001c", "a 7z archive")]
    [InlineData("\u0093NUMPY\u0001\0", "a NumPy array")]
    [InlineData("Entry not found", "there is no such file")]
    [InlineData("Invalid username or password.", "access was denied")]
    [InlineData("# xet version 0", "a Xet pointer")]
    [InlineData("\u00ef\u00bb\u00bf <html>", "an HTML or XML page")]
    [InlineData("{\"weight_map\": {}}", "the index of a model in several files")]
    [InlineData("{\"a\": 1}", "a JSON file")]
    [InlineData("{\"error\":\"Repository not found\"}", "an answer of the hub: an error in JSON")]
    [InlineData("Repository not found", "there is no such repository")]
    [InlineData("Access to model a/b is restricted", "access was denied")]
    [InlineData("404: Not Found", "there is no such file")]
    [InlineData("Rar!\u001a\u0007\u0001\0", "a RAR archive")]
    [InlineData("\u00fd7zXZ\0", "an xz file")]
    [InlineData("BZh91AY", "a bzip2 file")]
    [InlineData("(\u00b5/\u00fd", "a Zstandard file")]
    [InlineData("\0\0\0\u0014TFL3abc", "a TensorFlow Lite model")]
    [InlineData("\u0080\u0004\u0095\0\0\0\0\0\0\0\0}.", "a pickle that torch.save did not write")]
    [InlineData("\u0008\u0008\u0012\u0007pytorch", "an ONNX model")]
    [InlineData("\u0081\u00a6params", "a MessagePack file")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer")]
    public void Files_of_other_kinds_are_named(string start, string expected)
    {
        string message = _folder.Refusal("a.bin", Encoding.Latin1.GetBytes(start));
        Assert.Contains(expected, message);
        Assert.InRange(message.Length, 1, 300 + _folder.Root.Length);
    }

    [Fact]
    public void Archives_are_named_by_what_is_inside()
    {
        byte[] tar = new byte[1024];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        Assert.Contains("a tar archive", _folder.Refusal("a.bin", tar));
        Assert.Contains("a NumPy .npz", Zipped("arr_0.npy"));
        Assert.Contains("a zip of a folder with 'm/model.safetensors'", Zipped("m/model.safetensors"));
        Assert.Contains("a TorchScript archive", Zipped("m/data.pkl", "m/constants.pkl"));

        string Zipped(params string[] names) => _folder.Refusal("a.bin", PickleBuilder.Zip(names.Select(name => (name, new byte[1]))));
    }

    /// <summary>A message of 10 MB on one line helps nobody.</summary>
    [Fact]
    public void A_file_of_very_many_tensors_is_refused_in_few_words()
    {
        SafetensorsFile file = SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino);
        for (int i = 0; i < 5000; i++) file.Add($"{new string('x', 200)}.{i}", "F32", [1], new byte[4]);
        string message = Refuse(file);
        Assert.InRange(message.Length, 1, 300 + _folder.Root.Length + 100);
        Assert.EndsWith(" more", message);
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("checkpoint0100.pth")]
    public void A_real_file_is_taken_before_a_pointer(string name)
    {
        _folder.Write("model.safetensors", "version https://git-lfs.github.com/spec/v1\n"u8.ToArray());
        Assert.EndsWith("model.safetensors", WeightSource.Resolve(_folder.Root).Path);
        string real = _folder.Write(name, Torch(TinyModels.Dino, []));
        Assert.Equal(real, WeightSource.Resolve(_folder.Root).Path);
    }

    [Fact]
    public void Names_of_lightning_and_old_torch_are_found_in_a_folder()
    {
        string tar = _folder.Write("best.pth.tar", [1]);
        Assert.Equal(tar, WeightSource.Resolve(_folder.Root).Path);
        File.Delete(tar);
        string ckpt = _folder.Write("last.ckpt", [1]);
        Assert.Equal(ckpt, WeightSource.Resolve(_folder.Root).Path);
    }

    [Theory]
    [InlineData("{\"model_type\": \"\\ud800\"}")]
    [InlineData("{\"num_attention_heads\": \"\u00ff\"")]
    public void A_config_of_broken_text_is_one_line(string text)
    {
        _folder.Write("config.json", Encoding.Latin1.GetBytes(text));
        Assert.Contains("not valid JSON", Refuse(SafetensorsFile.Of(CheckpointLayout.HuggingFace, TinyModels.HuggingFace)));
    }

    [Fact]
    public void A_pipe_is_no_checkpoint()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs mkfifo");
        Support.TemporaryFolder.MakeFifo(_folder["pipe.bin"]);
        Assert.Contains("not a regular file", Assert.Throws<WeightsException>(() => Checkpoint.Load(_folder["pipe.bin"])).Message);
        Assert.Contains("not a regular file", Assert.Throws<WeightsException>(() => Checkpoint.Sha256(_folder["pipe.bin"])).Message);
    }

    /// <summary>The seeded weights as torch.save writes them, in dictionaries inside each other.</summary>
    private static byte[] Torch(VitConfig config, string[] wrappers, Action<PickleBuilder>? others = null)
    {
        VitWeights weights = SyntheticWeights.Create(config);
        var storages = new List<(string Key, byte[] Data)>();
        PickleBuilder pickle = new PickleBuilder().Protocol().Raw((byte)'}', (byte)'(');
        foreach (string wrapper in wrappers) pickle.Text(wrapper).Raw((byte)'}', (byte)'(');
        foreach (TensorSlot slot in TensorSlots.Dino(config))
        {
            var strides = new long[slot.Shape.Length];
            long stride = 1;
            for (int i = strides.Length - 1; i >= 0; i--) (strides[i], stride) = (stride, stride * slot.Shape[i]);
            string key = $"{storages.Count}";
            pickle.Text(slot.Name).Tensor(key, stride, 0, slot.Shape, strides);
            storages.Add((key, TinyModels.Bytes(slot.Data(weights).Span, "F32")));
        }

        foreach (string _ in wrappers) pickle.Op('u');
        others?.Invoke(pickle);
        return PickleBuilder.Archive(pickle.Op('u').Op('.').ToArray(), [.. storages]);
    }

    private VitWeights Load(SafetensorsFile file) => Checkpoint.Load(_folder.Write("a.safetensors", file.ToArray()));

    private string Refuse(SafetensorsFile file) => Assert.Throws<WeightsException>(() => Load(file)).Message;
}
