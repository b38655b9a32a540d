using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Files;

namespace Dino.Gpu.Classification;

/// <summary>A linear classifier as a <c>.safetensors</c> file.</summary>
internal static class ProbeFile
{
    private const string WeightName = "weight";
    private const string BiasName = "bias";

    /// <summary>The key in the metadata under which the class names are stored as a JSON list.</summary>
    private const string ClassesKey = "classes";

    /// <exception cref="DinoException">The file cannot be written.</exception>
    /// <exception cref="InvalidOperationException">A value of the metadata is null, which no reader takes.</exception>
    public static void Write(string path, LinearProbe probe)
    {
        ArgumentNullException.ThrowIfNull(path);
        foreach ((string key, string? value) in probe.Metadata)
        {
            if (value is null)
                throw new InvalidOperationException($"The metadata has no text for '{key}'.");
        }

        long classes = probe.ClassNames.Count;
        SafetensorsWriter.Write(
            path,
            [new(WeightName, [classes, probe.Dimension], probe.Weight.ToArray()), new(BiasName, [classes], probe.Bias.ToArray())],
            [.. probe.Metadata, new(ClassesKey, JsonSerializer.Serialize(probe.ClassNames, ClassNamesJson.Default.IReadOnlyListString))]);
    }

    /// <exception cref="DinoException">The file is no classifier, or is damaged.</exception>
    public static LinearProbe Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using CheckpointFile file = CheckpointFile.Open(path);
        byte[] start = new byte[Math.Min(file.Length, 16)];
        file.Read(0, start, "the start");
        if (!SafetensorsHeader.IsAtStart(start))
            throw file.Error("no safetensors file, expected a linear classifier");
        TensorTable table = SafetensorsReader.Read(file);
        TensorEntry weight = Find(file, table, WeightName);
        TensorEntry bias = Find(file, table, BiasName);
        if (!table.Metadata.TryGetValue(ClassesKey, out string? list) || Names(list) is not { } names)
            throw file.Error($"the metadata has no list of class names ('{ClassesKey}'), expected a linear classifier");
        if (weight.Shape is not [> 0, > 0] || bias.Shape is not [> 0] || weight.Shape[0] != bias.Shape[0] || names.Length != bias.Shape[0])
        {
            throw file.Error(
                $"weight is {MessageText.Shape(weight.Shape)}, bias {MessageText.Shape(bias.Shape)}, "
                + $"with {names.Length} class names; expected (classes, values), (classes)");
        }

        float[] weights = new float[weight.ElementCount];
        float[] biases = new float[bias.ElementCount];
        weight.Read(weights);
        bias.Read(biases);
        return new LinearProbe(weights, biases, names) { Metadata = table.Metadata.Where(pair => pair.Key != ClassesKey).ToDictionary() };
    }

    private static TensorEntry Find(CheckpointFile file, TensorTable table, string name) =>
        table.Tensors.FirstOrDefault(tensor => tensor.Name == name)
        ?? throw file.Error($"no tensor '{name}', expected the weight and bias of a linear classifier");

    private static string[]? Names(string list)
    {
        try
        {
            string?[]? names = JsonSerializer.Deserialize(list, ClassNamesJson.Default.StringArray);
            return names is null || names.Contains(null) ? null : [.. names.Select(name => name!)];
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
