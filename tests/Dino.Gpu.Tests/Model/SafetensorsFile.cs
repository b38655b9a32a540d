using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Model;

/// <summary>A safetensors file put together tensor by tensor, so that each test can spoil one thing.</summary>
internal sealed class SafetensorsFile
{
    private readonly List<(string Name, string Type, long[] Shape, byte[] Data)> _tensors = [];

    /// <summary>The seeded weights of a config under the names of a layout.</summary>
    public static SafetensorsFile Of(CheckpointLayout layout, VitConfig config, string type = "F32", string prefix = "")
    {
        return Of(layout, SyntheticWeights.Create(config), name => prefix + name, type);
    }

    /// <summary>Weights under names of a layout, changed.</summary>
    public static SafetensorsFile Of(CheckpointLayout layout, VitWeights weights, Func<string, string> rename, string type = "F32")
    {
        var file = new SafetensorsFile();
        foreach (TensorSlot slot in TensorSlots.For(layout, weights.Config)) file.Add(
            rename(slot.Name), type, slot.Shape, TinyModels.Bytes(slot.Data(weights).Span, type));
        return file;
    }

    public SafetensorsFile Add(string name, string type, long[] shape, byte[] data)
    {
        _tensors.Add((name, type, shape, data));
        return this;
    }

    public SafetensorsFile Remove(string name)
    {
        Assert.Equal(1, _tensors.RemoveAll(tensor => tensor.Name == name));
        return this;
    }

    public SafetensorsFile Reshape(string name, long[] shape, string? type = null)
    {
        int index = _tensors.FindIndex(tensor => tensor.Name == name);
        _tensors[index] = _tensors[index] with { Shape = shape, Type = type ?? _tensors[index].Type };
        return this;
    }

    public byte[] ToArray(Dictionary<string, string>? metadata = null)
    {
        var header = new Dictionary<string, object>();
        if (metadata is not null) header["__metadata__"] = metadata;
        long offset = 0;
        foreach ((string name, string type, long[] shape, byte[] data) in _tensors)
        {
            header[name] = new { dtype = type, shape, data_offsets = (long[])[offset, offset + data.Length] };
            offset += data.Length;
        }

        byte[] text = JsonSerializer.SerializeToUtf8Bytes(header);
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. _tensors.SelectMany(tensor => tensor.Data)];
    }
}
