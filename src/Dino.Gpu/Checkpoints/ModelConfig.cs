using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Files;
using Dino.Gpu.Model;

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

    /// <inheritdoc cref="HeadsKey"/>
    public const string ImageSizeKey = "image_size";

    /// <summary>
    /// The periods of RoPE, separated by spaces, where they are not those of <see cref="RopePeriods.UsualBase"/>.
    /// </summary>
    public const string PeriodsKey = "rope_periods";

    /// <summary>What the periods of RoPE grow to, in config.json.</summary>
    public const string ThetaKey = "rope_theta";

    /// <summary>What transformers calls the models of a kind.</summary>
    private static readonly (ModelKind Kind, string[] Types)[] ModelTypes =
    [
        (ModelKind.Dino, ["vit", "vit_msn", "vit_mae"]),
        (ModelKind.DinoV2, ["dinov2", "dinov2_with_registers"]),
        (ModelKind.DinoV3, ["dinov3_vit"]),
    ];

    /// <summary>Flags of DINOv3 that say which biases there are: all but the key's.</summary>
    private static readonly string[] BiasFlags = ["proj_bias", "mlp_bias"];

    private IReadOnlyDictionary<string, string> _values = new Dictionary<string, string>();

    /// <summary>Where it was found, for messages.</summary>
    public required string Source { get; init; }

    public int? Heads { get; init; }

    public double? Epsilon { get; init; }

    public int? HiddenSize { get; init; }

    public int? Layers { get; init; }

    public int? MlpSize { get; init; }

    /// <summary>Columns of the MLP in those of the model, for models that do not say <see cref="MlpSize"/>.</summary>
    public double? MlpRatio { get; init; }

    public int? PatchSize { get; init; }

    public int? ImageSize { get; init; }

    public int? Registers { get; init; }

    /// <summary>The largest period of RoPE.</summary>
    public double? Theta { get; init; }

    /// <summary>The periods of RoPE.</summary>
    public float[]? Periods { get; init; }

    /// <summary>Reads config.json beside a checkpoint; null if there is none.</summary>
    /// <exception cref="DinoException">It cannot be read, or a value has the wrong type.</exception>
    public static ModelConfig? Beside(string checkpointPath) => ConfigFile.Beside(checkpointPath, FileName, Parse);

    /// <summary>The metadata that <see cref="SafetensorsWriter"/> leaves; null if there is none.</summary>
    /// <exception cref="DinoException">A value is not a number.</exception>
    public static ModelConfig? FromMetadata(CheckpointFile file, IReadOnlyDictionary<string, string> metadata)
    {
        string[] keys = [HeadsKey, EpsilonKey, ImageSizeKey, PeriodsKey];
        if (!keys.Any(metadata.ContainsKey)) return null;
        return new ModelConfig
        {
            Source = "the metadata",
            Heads = Integer(HeadsKey),
            Epsilon = metadata.TryGetValue(EpsilonKey, out string? epsilon) ? Number(EpsilonKey, epsilon) : null,
            ImageSize = Integer(ImageSizeKey),
            Periods = metadata.TryGetValue(PeriodsKey, out string? periods)
                ? [.. periods.Split(' ').Select(period => (float)Number(PeriodsKey, period))]
                : null,
        };

        int? Integer(string key) => !metadata.TryGetValue(key, out string? text) ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : throw file.Error($"metadata {key} is {MessageText.Quote(text)}, expected an integer");

        double Number(string key, string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number
                : throw file.Error($"metadata {key} is {MessageText.Quote(text)}, expected a number");
    }

    /// <summary>Adds what it says otherwise than the tensors, and what it asks for that is not done.</summary>
    /// <param name="found">What the tensors say.</param>
    /// <param name="problems">Gets them.</param>
    public void Check(VitConfig found, List<string> problems)
    {
        CheckSize("hidden_size", HiddenSize, found.HiddenSize);
        CheckSize("num_hidden_layers", Layers, found.LayerCount);
        CheckSize("intermediate_size", MlpSize, found.MlpSize);
        CheckSize("patch_size", PatchSize, found.PatchSize);
        if (found.PositionKind == PositionKind.Table)
            CheckSize(ImageSizeKey, ImageSize, found.TrainedImageSize);
        CheckSize("num_register_tokens", Registers, found.RegisterCount);
        bool isGated = found.MlpKind == MlpKind.GatedSilu;
        if (MlpRatio is { } ratio && found.Kind == ModelKind.DinoV2)
        {
            int size = isGated ? GatedSize(ratio, found.HiddenSize) : (int)(ratio * found.HiddenSize);
            CheckSize(string.Create(CultureInfo.InvariantCulture, $"mlp_ratio {ratio}, which makes"), size, found.MlpSize);
        }

        CheckFlag("use_swiglu_ffn", isGated, problems);
        CheckFlag("use_gated_mlp", isGated, problems);
        Require("hidden_act", found.Kind == ModelKind.DinoV3 && isGated ? "silu" : "gelu");
        if (found.Kind != ModelKind.DinoV3)
            Require("qkv_bias", "True");
        foreach (string flag in BiasFlags)
            Require(flag, "True");
        Require("num_channels", "3");
        string[] types = ModelTypes.First(one => one.Kind == found.Kind).Types;
        if (_values.TryGetValue("model_type", out string? type) && !types.Contains(type))
            problems.Add($"{FileName} says model_type {MessageText.Quote(type)}, only {string.Join(", ", types)} are supported");

        void CheckSize(string name, int? said, int tensors)
        {
            if (said is { } size && size != tensors)
                problems.Add($"{Source} says {name} {size}, the tensors {tensors}");
        }

        void Require(string name, string expected)
        {
            if (_values.TryGetValue(name, out string? value) && value != expected)
                problems.Add($"{FileName} says {name} {value}, only {expected.ToLowerInvariant()} is supported");
        }
    }

    /// <summary>Adds a flag that the tensors contradict.</summary>
    /// <param name="name">As in the file, which need not have it.</param>
    /// <param name="tensors">What the tensors say.</param>
    /// <param name="problems">Gets it.</param>
    public void CheckFlag(string name, bool tensors, List<string> problems)
    {
        if (_values.TryGetValue(name, out string? said) && said != tensors.ToString())
            problems.Add($"{Source} says {name} {said.ToLowerInvariant()}, the tensors {(tensors ? "true" : "false")}");
    }

    /// <summary>Columns of DINOv2's gated MLP: two thirds of a plain one's, up to a multiple of 8.</summary>
    public static int GatedSize(double ratio, int hidden) => ((int)((int)(ratio * hidden) * 2.0 / 3) + 7) / 8 * 8;

    private static ModelConfig Parse(CheckpointFile file, JsonElement root)
    {
        JsonElement rotary = ConfigFile.Value(root, "rope_parameters") is { ValueKind: JsonValueKind.Object } nested ? nested : root;
        double? theta = ConfigFile.Number(file, rotary, ThetaKey);
        if (theta is { } number && !(number > 0 && double.IsFinite(number)))
            throw ConfigFile.Wrong(file, ThetaKey, rotary.GetProperty(ThetaKey), "a positive number");
        return new ModelConfig
        {
            Source = FileName,
            Heads = ConfigFile.Integer(file, root, HeadsKey),
            Epsilon = ConfigFile.Number(file, root, EpsilonKey),
            HiddenSize = ConfigFile.Integer(file, root, "hidden_size"),
            Layers = ConfigFile.Integer(file, root, "num_hidden_layers"),
            MlpSize = ConfigFile.Integer(file, root, "intermediate_size"),
            MlpRatio = ConfigFile.Number(file, root, "mlp_ratio"),
            PatchSize = Side(file, root, "patch_size"),
            ImageSize = Side(file, root, ImageSizeKey),
            Registers = ConfigFile.Integer(file, root, "num_register_tokens"),
            Theta = theta,
            _values = root.EnumerateObject().Reverse().DistinctBy(property => property.Name)
                .ToDictionary(property => property.Name, property => property.Value.ToString(), StringComparer.Ordinal),
        };
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
