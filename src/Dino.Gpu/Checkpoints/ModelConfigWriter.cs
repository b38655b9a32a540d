using System.Text.Json;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>Writes Hugging Face's <c>config.json</c> for the class of transformers that has such a model.</summary>
internal static class ModelConfigWriter
{
    /// <param name="stream">Gets it.</param>
    /// <param name="config">The sizes.</param>
    /// <param name="type">What <c>torch_dtype</c> says.</param>
    /// <param name="biases">Which of query, key and value have a bias; what DINOv3 says.</param>
    /// <param name="rotaryBase">What the periods of RoPE grow to; null where they are no powers.</param>
    public static void Write(
        Stream stream, VitConfig config, WeightsDataType type, (bool Query, bool Key, bool Value) biases, double? rotaryBase)
    {
        bool isGated = config.MlpKind == MlpKind.GatedSilu;
        bool isThird = config.Kind == ModelKind.DinoV3;
        (string architecture, string model) = config switch
        {
            { Kind: ModelKind.DinoV3 } => ("DINOv3ViTModel", "dinov3_vit"),
            { Kind: ModelKind.DinoV2, RegisterCount: > 0 } => ("Dinov2WithRegistersModel", "dinov2_with_registers"),
            { Kind: ModelKind.DinoV2 } => ("Dinov2Model", "dinov2"),
            _ => ("ViTModel", "vit"),
        };
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartArray("architectures");
        json.WriteStringValue(architecture);
        json.WriteEndArray();
        json.WriteString("hidden_act", isThird && isGated ? "silu" : "gelu");
        json.WriteNumber("hidden_size", config.HiddenSize);
        json.WriteNumber(ModelConfig.ImageSizeKey, config.TrainedImageSize);
        if (config.Kind != ModelKind.DinoV2)
            json.WriteNumber("intermediate_size", config.MlpSize);
        if (isThird)
            json.WriteBoolean("key_bias", biases.Key);
        json.WriteNumber(ModelConfig.EpsilonKey, config.LayerNormEpsilon);
        if (isThird)
            json.WriteBoolean("mlp_bias", true);
        if (config.Kind == ModelKind.DinoV2)
            json.WriteNumber("mlp_ratio", Ratio(config));
        json.WriteString("model_type", model);
        json.WriteNumber(ModelConfig.HeadsKey, config.HeadCount);
        json.WriteNumber("num_channels", 3);
        json.WriteNumber("num_hidden_layers", config.LayerCount);
        if (config.RegisterCount > 0)
            json.WriteNumber("num_register_tokens", config.RegisterCount);
        json.WriteNumber("patch_size", config.PatchSize);
        if (isThird)
        {
            json.WriteBoolean("proj_bias", true);
            json.WriteBoolean("query_bias", biases.Query);
            if (rotaryBase is { } theta)
                json.WriteNumber(ModelConfig.ThetaKey, theta);
        }
        else
        {
            json.WriteBoolean("qkv_bias", true);
        }

        json.WriteString("torch_dtype", type == WeightsDataType.Float32 ? "float32" : "float16");
        if (isThird)
            json.WriteBoolean("use_gated_mlp", isGated);
        if (config.Kind == ModelKind.DinoV2)
            json.WriteBoolean("use_swiglu_ffn", isGated);
        if (isThird)
            json.WriteBoolean("value_bias", biases.Value);
        json.WriteEndObject();
    }

    /// <summary>
    /// Columns of the MLP in those of the model; with a gate those from which transformers takes two thirds, rounded up
    /// to a multiple of 8.
    /// </summary>
    private static double Ratio(VitConfig config)
    {
        const double Usual = 4;
        if (config.MlpKind != MlpKind.GatedSilu)
            return (double)config.MlpSize / config.HiddenSize;
        return ModelConfig.GatedSize(Usual, config.HiddenSize) == config.MlpSize ? Usual : 1.5 * config.MlpSize / config.HiddenSize;
    }
}
