using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Data.Rows;

/// <summary>What the values of an embedding depend on beside its image: only vectors that agree in all of it can be compared.</summary>
internal sealed record Provenance
{
    /// <summary>In an index.</summary>
    public const string MemberName = "model.json";

    /// <summary>Bytes of it that are read at most.</summary>
    public const int LongestJson = 1 << 16;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>SHA-256 of the checkpoint file, or <c>synthetic:SEED</c>.</summary>
    public required string Weights { get; init; }

    /// <summary>Sizes of the model, and the epsilon of its norms, which a file beside the checkpoint may set.</summary>
    public required string Model { get; init; }

    public required string Preprocess { get; init; }

    /// <summary>Input size of the model, <c>WxH</c>.</summary>
    public required string Size { get; init; }

    public required string Interpolation { get; init; }

    public required string Exif { get; init; }

    public required string Decoder { get; init; }

    /// <summary>What is made of an image: <c>cls</c>, <c>mean</c> and so on.</summary>
    public required string Pooling { get; init; }

    public required string Precision { get; init; }

    /// <summary>What a loaded model makes.</summary>
    /// <param name="weights">Where it was loaded from.</param>
    /// <param name="options">How it was loaded, with a decoder.</param>
    /// <param name="encoders">The model.</param>
    /// <param name="pooling">As <c>--output</c> takes it.</param>
    public static Provenance Of(string weights, DinoOptions options, DinoEncoderGroup encoders, string pooling)
    {
        VitConfig config = encoders.Config;
        var source = WeightSource.Resolve(weights);
        return new Provenance
        {
            Weights = source.Path is null ? string.Create(CultureInfo.InvariantCulture, $"synthetic:0x{source.Seed:X}") : "sha256:" + Checkpoint.Sha256(source.Path),
            Model = string.Create(
                CultureInfo.InvariantCulture,
                $"hidden {config.HiddenSize}, {config.LayerCount} layers, {config.HeadCount} heads, patch {config.PatchSize}, eps {config.LayerNormEpsilon}"),
            Preprocess = options.Preprocess == PreprocessPreset.Dino ? "dino" : "hf",
            Size = $"{encoders.InputWidth}x{encoders.InputHeight}",
            Interpolation = options.Interpolation.ToString().ToLowerInvariant(),
            Exif = options.Orientation.ToString().ToLowerInvariant(),
            Decoder = options.Decoder!.Name,
            Pooling = pooling,
            Precision = PrecisionSupport.NameOf(options.Precision),
        };
    }

    /// <summary>As an index keeps it.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    /// <exception cref="JsonException">It is not what <see cref="ToJson"/> makes.</exception>
    public static Provenance FromJson(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize<Provenance>(json, Json) is { } model && model.Texts.All(text => text is not null)
        ? model
        : throw new JsonException($"{MemberName} is damaged");

    private string?[] Texts => [Weights, Model, Preprocess, Size, Interpolation, Exif, Decoder, Pooling, Precision];

    /// <summary>What keeps vectors of this model from being compared with another's, such as <c>size 224x224 and 320x240</c>; null where nothing does.</summary>
    public string? DifferenceFrom(Provenance other)
    {
        // Decoders and precisions differ within a cosine of 0.9998; EXIF changes few pictures, and those as their owner wished.
        (string Name, string Mine, string Theirs)[] pairs =
        [
            ("weights", Weights, other.Weights),
            ("model", Model, other.Model),
            ("preprocessing", Preprocess, other.Preprocess),
            ("size", Size, other.Size),
            ("interpolation", Interpolation, other.Interpolation),
            ("output", Pooling, other.Pooling),
        ];
        string all = string.Join("; ", pairs.Where(pair => pair.Mine != pair.Theirs).Select(pair => $"{pair.Name} {pair.Theirs} and {pair.Mine}"));
        return all.Length == 0 ? null : all;
    }
}
