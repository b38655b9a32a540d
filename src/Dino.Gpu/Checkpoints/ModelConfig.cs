using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// What a checkpoint says about itself beside its tensors: Hugging Face's <c>config.json</c>, or the metadata of a
/// safetensors file. A size that is not said is null.
/// </summary>
internal sealed class ModelConfig
{
    /// <summary>The name of the file beside the weights.</summary>
    public const string FileName = "config.json";

    /// <summary>Metadata keys that this library writes into safetensors, named as in config.json.</summary>
    public const string HeadsKey = "num_attention_heads";

    /// <inheritdoc cref="HeadsKey"/>
    public const string EpsilonKey = "layer_norm_eps";

    /// <summary>Models whose trunk is a plain ViT.</summary>
    private static readonly string[] ModelTypes = ["vit", "vit_msn", "vit_mae"];

    /// <summary>Where it was found, for messages.</summary>
    public required string Source { get; init; }

    public int? Heads { get; init; }

    public double? Epsilon { get; init; }

    public int? HiddenSize { get; init; }

    public int? Layers { get; init; }

    public int? MlpSize { get; init; }

    public int? PatchSize { get; init; }

    public int? ImageSize { get; init; }

    /// <summary>What the file asks for that this encoder does not do.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>Reads config.json beside a checkpoint; null if there is none.</summary>
    /// <exception cref="DinoException">It cannot be read, or a value has the wrong type.</exception>
    public static ModelConfig? Beside(string checkpointPath) => ConfigFile.Beside(checkpointPath, FileName, Parse);

    /// <summary>The metadata that <see cref="SafetensorsWriter"/> leaves; null if there is none.</summary>
    /// <exception cref="DinoException">A value is not a number.</exception>
    public static ModelConfig? FromMetadata(CheckpointFile file, IReadOnlyDictionary<string, string> metadata)
    {
        metadata.TryGetValue(HeadsKey, out string? heads);
        metadata.TryGetValue(EpsilonKey, out string? epsilon);
        if (heads is null && epsilon is null) return null;
        return new ModelConfig
        {
            Source = "the metadata",
            Heads = heads is null ? null
                : int.TryParse(heads, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count
                : throw file.Error($"metadata {HeadsKey} is {MessageText.Quote(heads)}, expected an integer"),
            Epsilon = epsilon is null ? null
                : double.TryParse(epsilon, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value
                : throw file.Error($"metadata {EpsilonKey} is {MessageText.Quote(epsilon)}, expected a number"),
        };
    }

    private static ModelConfig Parse(CheckpointFile file, JsonElement root)
    {
        var unsupported = new List<string>();
        Require(root, "hidden_act", "gelu", unsupported);
        Require(root, "qkv_bias", "True", unsupported);
        Require(root, "num_channels", "3", unsupported);
        if (root.TryGetProperty("model_type", out JsonElement type) && !ModelTypes.Contains(type.ToString()))
        {
            string supported = string.Join(", ", ModelTypes);
            unsupported.Add($"{FileName} says model_type {MessageText.Quote(type.ToString())}, only {supported} are supported");
        }

        return new ModelConfig
        {
            Source = FileName,
            Heads = ConfigFile.Integer(file, root, HeadsKey),
            Epsilon = ConfigFile.Number(file, root, EpsilonKey),
            HiddenSize = ConfigFile.Integer(file, root, "hidden_size"),
            Layers = ConfigFile.Integer(file, root, "num_hidden_layers"),
            MlpSize = ConfigFile.Integer(file, root, "intermediate_size"),
            PatchSize = Side(file, root, "patch_size"),
            ImageSize = Side(file, root, "image_size"),
            Unsupported = unsupported,
        };
    }

    private static void Require(JsonElement root, string name, string expected, List<string> unsupported)
    {
        if (root.TryGetProperty(name, out JsonElement value) && value.ToString() != expected)
            unsupported.Add($"{FileName} says {name} {value}, only {expected.ToLowerInvariant()} is supported");
    }

    /// <summary>A side of a square, as a number or as two equal ones.</summary>
    private static int? Side(CheckpointFile file, JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement value) || value.ValueKind != JsonValueKind.Array)
            return ConfigFile.Integer(file, root, name);
        return value.GetArrayLength() == 2 && ConfigFile.IsInteger(value[0], out int side)
            && ConfigFile.IsInteger(value[1], out int other) && side == other
            ? side
            : throw ConfigFile.Wrong(file, name, value, "an integer");
    }
}
