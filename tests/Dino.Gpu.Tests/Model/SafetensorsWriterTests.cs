using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// What is written reads back, carries Hugging Face's names and shapes, and appears whole or not at all.
/// </summary>
public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny_hf_views.bin")]
    [InlineData("tiny_dino.pth")]
    public void A_checkpoint_survives_the_round_trip(string name)
    {
        VitWeights weights = Checkpoint.Load(GoldenData.PathOf("checkpoints", name));
        SafetensorsWriter.Write(_folder["a.safetensors"], weights);
        TinyModels.AssertEqual(weights, Checkpoint.Load(_folder["a.safetensors"]));
        SafetensorsWriter.Write(_folder["a.safetensors"], weights, WeightsDataType.Float16);
        TinyModels.AssertEqual(weights, Checkpoint.Load(_folder["a.safetensors"]), value => (float)(Half)value);
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void A_write_that_is_canceled_leaves_what_was_there()
    {
        VitWeights weights = SyntheticWeights.Create(TinyModel.Weights.Config);
        string path = _folder["model.safetensors"];
        File.WriteAllText(path, "mine");
        Assert.Throws<OperationCanceledException>(
            () => SafetensorsWriter.WriteModel(path, weights, WeightsDataType.Float16, new CancellationToken(canceled: true)));
        Assert.Equal("mine", File.ReadAllText(path));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void Names_shapes_and_order_are_those_of_the_state_dict()
    {
        string path = _folder["a.safetensors"];
        SafetensorsWriter.Write(path, SyntheticWeights.Create(VitConfig.VitS16));
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllBytes(GoldenData.PathOf("weights_check.json")));
        CheckpointInfo info = CheckpointInfo.Read(path);
        Assert.Equal(VitConfig.VitS16, info.Config);
        Assert.Equal(reference.RootElement.GetProperty("items").GetArrayLength(), info.Tensors.Count);
        foreach ((JsonElement item, CheckpointTensor tensor) in reference.RootElement.GetProperty("items").EnumerateArray()
            .Zip(info.Tensors))
        {
            Assert.Equal(item.GetProperty("name").GetString(), tensor.Name);
            Assert.Equal(item.GetProperty("shape").EnumerateArray().Select(side => side.GetInt64()), tensor.Shape);
            Assert.Equal("F32", tensor.DataType);
        }

        Assert.Equal(86_662_656, info.Tensors.Sum(tensor => tensor.Bytes));
        byte[] start = new byte[8];
        using FileStream stream = File.OpenRead(path);
        stream.ReadExactly(start);
        Assert.Equal(0, BitConverter.ToInt64(start) % 8);
    }

    [Fact]
    public void The_config_file_is_one_that_the_reader_agrees_with()
    {
        VitWeights weights = Checkpoint.Load(GoldenData.PathOf("checkpoints", "tiny_hf.bin"));
        File.Copy(GoldenData.PathOf("checkpoints", "tiny_hf.bin"), _folder["pytorch_model.bin"]);
        SafetensorsWriter.WriteConfig(_folder["config.json"], weights.Config with { LayerNormEpsilon = 1e-6 });
        Assert.Equal(weights.Config with { LayerNormEpsilon = 1e-6 }, WeightSource.Load(_folder.Root).Config);
    }

    [Fact]
    public void A_value_beyond_float16_is_an_error_and_leaves_the_old_file()
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace);
        weights.Blocks[1].Fc1.Weight[7] = 70000;
        string path = _folder.Write("a.safetensors", [1, 2, 3]);
        string message = Assert.Throws<WeightsException>(() => SafetensorsWriter.Write(path, weights, WeightsDataType.Float16)).Message;
        Assert.Contains("encoder.layer.1.intermediate.dense.weight has the value 70000", message);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void Places_that_cannot_be_written_are_named()
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace);
        Assert.Contains(
            "cannot write", Assert.Throws<DinoException>(() => SafetensorsWriter.Write(_folder["absent/a.safetensors"], weights)).Message);
        Directory.CreateDirectory(_folder["folder"]);
        Assert.Contains("cannot write", Assert.Throws<DinoException>(() => SafetensorsWriter.Write(_folder["folder"], weights)).Message);
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void The_checksum_of_a_file_is_that_of_its_bytes()
    {
        Assert.Equal(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Checkpoint.Sha256(_folder.Write("abc", "abc"u8.ToArray())));
        Assert.Throws<WeightsException>(() => Checkpoint.Sha256(_folder["absent"]));
    }

    [Fact]
    public void Sources_are_understood_as_people_write_them()
    {
        Assert.Equal(SyntheticWeights.DefaultSeed, WeightSource.Resolve("synthetic").Seed);
        Assert.Equal(7UL, WeightSource.Resolve("synthetic:7").Seed);
        Assert.Equal(0xFFFF_FFFF_FFFF_FFFFUL, WeightSource.Resolve("synthetic:0xFFFFffffFFFFffff").Seed);
        Assert.All(
            (string[])["synthetic:", "synthetic:-1", "synthetic:x"], spec => Assert.Contains("it is no seed", Refuse(spec)));
        Assert.Contains("not a seed", Refuse("synthetic:0x1FFFFffffFFFFffff"));
        Assert.Contains("no such file", Refuse(_folder["absent"]));
        Assert.Contains("no checkpoint in this folder", Refuse(_folder.Root));

        string pth = _folder.Write("a.pth", [1]);
        Assert.Equal(pth, WeightSource.Resolve(_folder.Root).Path);
        Assert.Equal(pth, WeightSource.Resolve(pth).Path);
        _folder.Write("b.pth", [1]);
        Assert.Contains("2 checkpoints in this folder", Refuse(_folder.Root));
        Assert.Contains("a.pth, b.pth", Assert.Throws<WeightsException>(() => WeightSource.Resolve(_folder.Root)).Hint);
        string usual = _folder.Write("pytorch_model.bin", [1]);
        Assert.Equal(usual, WeightSource.Resolve(_folder.Root).Path);

        static string Refuse(string spec) => Assert.Throws<WeightsException>(() => WeightSource.Resolve(spec)).Message;
    }
}
