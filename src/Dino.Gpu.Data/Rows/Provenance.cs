using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Data.Rows;

/// <summary>
/// What the values of an embedding depend on, besides its image. It travels with the vectors: in <c>run.json</c>, in a
/// member of an <c>.npz</c>, in the metadata of Parquet and safetensors files, and in a file beside JSON Lines. Only
/// vectors whose provenance agrees (<see cref="DifferenceFrom"/>) can be compared.
/// </summary>
public sealed record Provenance
{
    /// <summary>Name of the member of an <c>.npz</c>.</summary>
    internal const string MemberName = "model.json";

    /// <summary>Key in the metadata of Parquet and safetensors files.</summary>
    internal const string MetadataKey = "dino.provenance";

    /// <summary>The most bytes of JSON that are read.</summary>
    internal const int LongestJson = 1 << 16;

    /// <summary>What <see cref="Precision"/>, <see cref="Exif"/>, <see cref="Decoder"/> and <see cref="Version"/> say of
    /// vectors that differ in it.</summary>
    internal const string Mixed = "mixed";

    private const string FastMark = "-fast";
    private const string DinoPreset = "dino";
    private const string StudentMark = "#" + CheckpointOptions.Student;

    /// <summary>
    /// Version of Dino.Gpu that made the vectors; empty where an old file does not say, <c>mixed</c> for several.
    /// </summary>
    public required string Version { get; init; }

    /// <summary>
    /// <c>sha256:</c> and the digest of the checkpoint, with <c>#student</c> for that branch, or
    /// <c>synthetic:[MODEL:]SEED</c>.
    /// </summary>
    public required string Weights { get; init; }

    /// <summary>Values of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Blocks.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Attention heads of a block.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Register tokens; not in the file where there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int RegisterCount { get; init; }

    /// <summary>
    /// What the model is called, such as <c>dinov2-small</c>; null for the original DINO and for sizes that none of the
    /// published models has.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ModelName { get; init; }

    /// <summary>Epsilon of the LayerNorms, which a file beside the checkpoint may set.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>As <see cref="DinoEncoder.Preprocessing"/>: <c>hf</c>, <c>dino</c>, or <c>hf</c> and more.</summary>
    public required string Preprocess { get; init; }

    /// <summary>Width of the model's input in pixels.</summary>
    public required int InputWidth { get; init; }

    /// <summary>Height of the model's input in pixels.</summary>
    public required int InputHeight { get; init; }

    /// <summary><c>size</c>, <c>scale</c> or <c>antialias</c>.</summary>
    public required string Interpolation { get; init; }

    /// <summary><c>apply</c> or <c>ignore</c>; <c>mixed</c> for vectors of both.</summary>
    public required string Exif { get; init; }

    /// <summary>
    /// Name of the image decoder, or <c>mixed</c>; it ends in <c>-fast</c> for pictures that are decoded smaller.
    /// </summary>
    public required string Decoder { get; init; }

    /// <summary>What is made of an image: <c>cls</c>, <c>mean</c> and so on, as <c>--output</c> takes it.</summary>
    public required string Output { get; init; }

    /// <summary>Whether every vector is scaled to length 1.</summary>
    public required bool Normalize { get; init; }

    /// <summary><c>fp32</c>, <c>tf32</c>, <c>bf16</c>, <c>fp16</c> or <c>int8</c>; <c>mixed</c> for several.</summary>
    public required string Precision { get; init; }

    /// <summary>Sizes of the model in words, for messages.</summary>
    [JsonIgnore]
    public string Model => string.Create(
        CultureInfo.InvariantCulture,
        $"{(ModelName is null ? "" : ModelName + ", ")}hidden {HiddenSize}, {LayerCount} layers, {HeadCount} heads, patch {PatchSize}, "
        + $"eps {LayerNormEpsilon}");

    /// <summary><c>fast</c> for pictures that were decoded smaller, else <c>exact</c>.</summary>
    internal string DecodeMode => Decoder.EndsWith(FastMark, StringComparison.Ordinal) ? "fast" : "exact";

    /// <summary>In what the vectors differ, for a message; empty for those of one kind.</summary>
    [JsonIgnore]
    internal IEnumerable<string> Differences
    {
        get
        {
            (string Name, string Value)[] all =
                [("precision", Precision), ("EXIF orientation", Exif), ("decoder", Decoder), ("version", Version)];
            return all.Where(one => one.Value is Mixed or Mixed + FastMark).Select(one => one.Name);
        }
    }

    /// <summary>Input size of the model, <c>WxH</c>.</summary>
    [JsonIgnore]
    public string Size => string.Create(CultureInfo.InvariantCulture, $"{InputWidth}x{InputHeight}");

    /// <summary>The provenance of vectors that a loaded model makes.</summary>
    /// <param name="weights">Where it was loaded from.</param>
    /// <param name="options">How it was loaded, with a decoder.</param>
    /// <param name="encoders">The model.</param>
    /// <param name="output">As <c>--output</c> takes it.</param>
    /// <param name="normalize">Whether vectors are scaled to length 1.</param>
    internal static Provenance Of(string weights, DinoOptions options, DinoEncoderGroup encoders, string output, bool normalize)
    {
        VitConfig config = encoders.Config;
        var source = WeightSource.Resolve(weights);
        return new Provenance
        {
            Version = ProductVersion.Current,
            Weights = source.SeededName
                ?? $"sha256:{Checkpoint.Sha256(source.Path!)}{(options.Branch == CheckpointOptions.Student ? StudentMark : "")}",
            HiddenSize = config.HiddenSize,
            LayerCount = config.LayerCount,
            HeadCount = config.HeadCount,
            PatchSize = config.PatchSize,
            RegisterCount = config.RegisterCount,
            ModelName = config.Kind == ModelKind.Dino ? null : PublishedModel.Of(config, encoders.Pictures)?.Name,
            LayerNormEpsilon = config.LayerNormEpsilon,
            Preprocess = encoders.Preprocessing,
            InputWidth = encoders.InputWidth,
            InputHeight = encoders.InputHeight,
            Interpolation = (options.Interpolation ?? config.DefaultInterpolation).ToString().ToLowerInvariant(),
            Exif = options.Orientation.ToString().ToLowerInvariant(),
            Decoder = options.Decoder!.Name,
            Output = output,
            Normalize = normalize,
            Precision = PrecisionSupport.NameOf(options.Precision),
        };
    }

    /// <summary>Options that make vectors in the same way again, except for the weights and the output.</summary>
    /// <param name="options">The other options: device, precision, decoder.</param>
    internal DinoOptions Repeat(DinoOptions options)
    {
        bool isPossible = (long)InputWidth * InputHeight <= ImageHeader.MaxPixels; // a damaged file may claim anything
        return options with
        {
            Branch = options.Branch ?? (Weights.EndsWith(StudentMark, StringComparison.Ordinal) ? CheckpointOptions.Student : null),
            Preprocess = Preprocess == DinoPreset ? PreprocessPreset.Dino : PreprocessPreset.HuggingFace,
            InputWidth = isPossible ? InputWidth : options.InputWidth,
            InputHeight = isPossible ? InputHeight : options.InputHeight,
            Interpolation = Named(Interpolation, PositionInterpolation.Size),
            Orientation = Named(Exif, ExifOrientation.Apply),
        };

        static T Named<T>(string name, T standard)
            where T : struct, Enum => Enum.TryParse(name, ignoreCase: true, out T value) && Enum.IsDefined(value) ? value : standard;
    }

    /// <summary>As files keep it: one line of UTF-8.</summary>
    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ProvenanceJson.Readable.Provenance);

    /// <summary>As files keep it, as a part of another object.</summary>
    internal JsonNode ToNode() => JsonSerializer.SerializeToNode(this, ProvenanceJson.Readable.Provenance)!;

    /// <summary>Reads what <see cref="ToJson"/> writes, and what earlier versions wrote.</summary>
    /// <exception cref="JsonException">It is neither.</exception>
    internal static Provenance FromJson(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        return FromNode(JsonNode.Parse(ref reader));
    }

    /// <inheritdoc cref="FromJson"/>
    internal static Provenance FromNode(JsonNode? node)
    {
        try
        {
            Provenance? provenance = node is JsonObject old && OldProvenance.IsOne(old)
                ? OldProvenance.Read(old)
                : node.Deserialize(ProvenanceJson.Readable.Provenance);
            return provenance is not null && provenance.IsWhole ? provenance : throw new JsonException("what made the vectors is damaged");
        }
        catch (Exception failure) when (failure is InvalidOperationException or FormatException or ArgumentException)
        {
            throw new JsonException("what made the vectors is damaged", failure);
        }
    }

    private bool IsWhole =>
        !new string?[] { Version, Weights, Preprocess, Interpolation, Exif, Decoder, Output, Precision }.Contains(null)
        && double.IsFinite(LayerNormEpsilon)
        && RegisterCount is >= 0 and <= 1024
        && HiddenSize > 0 && LayerCount > 0 && HeadCount > 0 && PatchSize > 0 && InputWidth >= PatchSize && InputHeight >= PatchSize;

    /// <summary>
    /// What keeps vectors of this model from being compared with another's, such as <c>size 224x224 and 320x240</c>;
    /// null if nothing does.
    /// </summary>
    /// <param name="other">What made the other vectors.</param>
    public string? DifferenceFrom(Provenance other)
    {
        ArgumentNullException.ThrowIfNull(other);
        // Decoders give the same pixels. Precisions differ within a cosine of 0.9995. EXIF changes few pictures, in the way
        // that their owners wished.
        (string Name, string Mine, string Theirs)[] pairs =
        [
            ("weights", Weights, other.Weights),
            ("model", Model, other.Model),
            ("preprocessing", Preprocess, other.Preprocess),
            ("size", Size, other.Size),
            ("interpolation", Interpolation, other.Interpolation),
            ("output", Output, other.Output),
            ("decode", DecodeMode, other.DecodeMode),
        ];
        string all = string.Join(
            "; ", pairs.Where(pair => pair.Mine != pair.Theirs).Select(pair => $"{pair.Name} {Short(pair.Theirs)} and {Short(pair.Mine)}"));
        return all.Length == 0 ? null : all;
    }

    /// <summary>What is true of these vectors and of others that can be compared with them.</summary>
    /// <param name="other">What made the others.</param>
    internal Provenance JoinedWith(Provenance other) => this with
    {
        Version = Shared(Version, other.Version),
        Exif = Shared(Exif, other.Exif),
        Decoder = Shared(Decoder, other.Decoder, DecodeMode == "fast" ? Mixed + FastMark : Mixed),
        Normalize = Normalize && other.Normalize,
        Precision = Shared(Precision, other.Precision),
    };

    private static string Shared(string mine, string theirs, string mixed = Mixed) => mine == theirs ? mine : mixed;

    /// <summary>As many digits of a digest as tell checkpoints apart, for a line that people read.</summary>
    private static string Short(string weights) =>
        weights.StartsWith("sha256:", StringComparison.Ordinal) && weights.Length > 23 ? $"{weights[..23]}..." : weights;
}
