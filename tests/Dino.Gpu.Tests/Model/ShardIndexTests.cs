using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// Models in several files, and indexes that lie. That honest ones load is in <see cref="GoldenVariantTests"/>.
/// </summary>
public sealed class ShardIndexTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"weight_map": {"cls_token": "../secret.bin"}}""", "names '../secret.bin', expected a file of its own folder")]
    [InlineData("""{"weight_map": {"cls_token": "/etc/passwd"}}""", "expected a file of its own folder")]
    [InlineData("""{"weight_map": {"cls_token": ".."}}""", "expected a file of its own folder")]
    [InlineData("""{"weight_map": {"cls_token": "absent.safetensors"}}""", "absent.safetensors: no such file")]
    [InlineData("""{"weight_map": {"cls_token": 1}}""", "names no file for 'cls_token', or two")]
    [InlineData("""{"weight_map": {"cls_token": "a.safetensors", "cls_token": "b.safetensors"}}""", "for 'cls_token', or two")]
    [InlineData("""{"weight_map": {}}""", "names 0 of them, expected 1 to 1000")]
    [InlineData("""{"weight_map": [1]}""", "without weight_map")]
    [InlineData("""{"metadata": {}}""", "without weight_map")]
    [InlineData("""{"weight_map": {"other": "part.safetensors"}}""", "'other' is in 'part.safetensors', which has no such tensor")]
    [InlineData("""{"weight_map": {"cls_token": "model.safetensors.index.json"}}""", "the index of a model in several files, expected")]
    [InlineData("""{"weight_map": {"cls_token": """, "not valid JSON")]
    public void An_index_that_lies_is_refused(string index, string expected)
    {
        _folder.Write("part.safetensors", SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino).ToArray());
        string path = _folder.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes(index));
        string message = Assert.Throws<WeightsException>(() => Checkpoint.Load(path)).Message;
        Assert.StartsWith(_folder.Root, message);
        Assert.Contains(expected, message);
        Assert.InRange(message.Length, 1, 300 + path.Length);
    }

    [Fact]
    public void A_tensor_counts_where_the_index_says()
    {
        // Both files have every tensor; of the second, whose values are others, the index takes one.
        VitWeights first = SyntheticWeights.Create(TinyModels.Dino), second = SyntheticWeights.Create(TinyModels.Dino, seed: 2);
        _folder.Write("a.safetensors", SafetensorsFile.Of(CheckpointLayout.Dino, first, name => name).ToArray());
        _folder.Write("b.safetensors", SafetensorsFile.Of(CheckpointLayout.Dino, second, name => name).ToArray());
        IEnumerable<string> entries = TensorSlots.Dino(TinyModels.Dino)
            .Select(slot => $"\"{slot.Name}\": \"{(slot.Name == "norm.bias" ? 'b' : 'a')}.safetensors\"");
        _folder.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes("{\"weight_map\": {" + string.Join(", ", entries) + "}}"));
        VitWeights found = WeightSource.Load(_folder.Root);
        Assert.Equal(first.Norm.Weight, found.Norm.Weight);
        Assert.Equal(second.Norm.Bias, found.Norm.Bias);
    }

    [Fact]
    public void A_whole_file_comes_before_an_index_in_a_folder()
    {
        _folder.Write("pytorch_model.bin.index.json", "{}"u8.ToArray());
        string index = _folder.Write("model.safetensors.index.json", "{}"u8.ToArray());
        Assert.Equal(index, WeightSource.Resolve(_folder.Root).Path);
        string whole = _folder.Write("model.safetensors", SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino).ToArray());
        Assert.Equal(whole, WeightSource.Resolve(_folder.Root).Path);
    }
}
