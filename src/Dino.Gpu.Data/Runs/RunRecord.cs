using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Devices;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary><c>run.json</c>: everything that a row of the output depends on, so that a run goes on only as it began.</summary>
internal sealed partial record RunRecord
{
    public const string FileName = "run.json";

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    /// <summary>Properties that a part of a run has for itself, or that do not change what the rows mean.</summary>
    private static readonly string[] OfThePart = ["firstRow", "lastRow", "shardIndex", "device"];

    /// <summary>Version of dino.</summary>
    public required string Version { get; init; }

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

    public required long MaxPixels { get; init; }

    /// <summary>What is written of an image: <c>cls</c>, <c>mean</c> and so on.</summary>
    public required string Pooling { get; init; }

    public required bool Normalize { get; init; }

    public required string Precision { get; init; }

    /// <summary>Kind and name of the devices.</summary>
    public required string Device { get; init; }

    public required string Format { get; init; }

    public required string DType { get; init; }

    public required bool Sha256 { get; init; }

    public required string OnError { get; init; }

    /// <summary>Rows of a shard.</summary>
    public required long ShardSize { get; init; }

    /// <summary>SHA-256 of the input list, carried columns included.</summary>
    public required string Inputs { get; init; }

    /// <summary>Rows of the input list.</summary>
    public required long InputRows { get; init; }

    /// <summary>First row of this part of it.</summary>
    public required long FirstRow { get; init; }

    /// <summary>Row after the last of this part.</summary>
    public required long LastRow { get; init; }

    /// <summary>Number of the part, from 0.</summary>
    public required int ShardIndex { get; init; }

    /// <summary>Parts that the list is cut into.</summary>
    public required int ShardCount { get; init; }

    /// <summary>What of a run is known without its inputs.</summary>
    /// <param name="model">What the vectors depend on.</param>
    /// <param name="devices">Where the model is loaded.</param>
    /// <param name="options">How rows are written.</param>
    public static RunRecord Of(Provenance model, IEnumerable<DeviceInfo> devices, RunOptions options) => new()
    {
        Version = typeof(RunRecord).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0],
        Weights = model.Weights,
        Model = model.Model,
        Preprocess = model.Preprocess,
        Size = model.Size,
        Interpolation = model.Interpolation,
        Exif = model.Exif,
        Decoder = model.Decoder,
        MaxPixels = options.MaxPixels,
        Pooling = model.Pooling,
        Normalize = options.Normalize,
        Precision = model.Precision,
        Device = string.Join(", ", devices.Select(device => $"{device.Id.Split(':')[0]} {device.Name}").Distinct().Order(StringComparer.Ordinal)),
        Format = options.Format,
        DType = options.Type == FloatType.Float16 ? "f16" : "f32",
        Sha256 = options.Sha256,
        OnError = options.OnError.ToString().ToLowerInvariant(),
        ShardSize = options.ShardSize,
        Inputs = "",
        InputRows = 0,
        FirstRow = 0,
        LastRow = 0,
        ShardIndex = 0,
        ShardCount = 1,
    };

    /// <summary>Shards of the output.</summary>
    [JsonIgnore]
    public long Shards => (LastRow - FirstRow + ShardSize - 1) / ShardSize;

    /// <summary>What the vectors of the rows depend on.</summary>
    [JsonIgnore]
    public Provenance Embeddings => new()
    {
        Weights = Weights,
        Model = Model,
        Preprocess = Preprocess,
        Size = Size,
        Interpolation = Interpolation,
        Exif = Exif,
        Decoder = Decoder,
        Pooling = Pooling,
        Precision = Precision,
    };

    /// <summary>Shape of a row of the output, which not every format keeps.</summary>
    /// <exception cref="DinoException">The record was edited.</exception>
    public int[] RowShape()
    {
        Match model = ModelSizes().Match(Model);
        string[] size = Size.Split('x');
        if (!model.Success || size.Length != 2 || OutputKind.Parse(Pooling) is not { } kind)
            throw new DinoException($"cannot tell the shape of a row from {FileName}: model '{Model}', size '{Size}', pooling '{Pooling}'");
        int patch = Number(model.Groups[2].Value);
        return new RowLayout(kind, Normalize, Number(model.Groups[1].Value), Number(size[1]) / patch, Number(size[0]) / patch).Shape;

        static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void Save(string folder)
    {
        using var file = new AtomicFile(Path.Combine(folder, FileName));
        file.Write(stream =>
        {
            stream.Write(JsonSerializer.SerializeToUtf8Bytes(this, Options));
            stream.WriteByte((byte)'\n');
        });
        file.Complete();
    }

    /// <summary>The record of a folder, or null where there is none.</summary>
    /// <exception cref="DinoException">The file is not what <see cref="Save"/> writes.</exception>
    public static RunRecord? Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize<RunRecord>(File.ReadAllBytes(path), Options) ?? throw new JsonException("null");
        }
        catch (Exception failure) when (failure is JsonException or NotSupportedException or IOException or UnauthorizedAccessException)
        {
            string reason = failure is JsonException or NotSupportedException ? "it is damaged; put it back, or --overwrite to start anew" : MessageText.OneLine(failure.Message);
            throw new DinoException($"cannot read {path}: {reason}", failure);
        }
    }

    /// <summary>What differs, such as <c>precision was fp32, is now bf16</c>; null where nothing does.</summary>
    public string? DifferenceFrom(RunRecord earlier) => Difference(earlier, this, []);

    /// <summary>As <see cref="DifferenceFrom"/>, of what the parts of one run have in common.</summary>
    public string? DifferenceFromPart(RunRecord other) => Difference(other, this, OfThePart);

    private static string? Difference(RunRecord earlier, RunRecord now, string[] except)
    {
        JsonObject before = JsonSerializer.SerializeToNode(earlier, Options)!.AsObject();
        JsonObject after = JsonSerializer.SerializeToNode(now, Options)!.AsObject();
        if (earlier.Inputs != now.Inputs)
        {
            // Rows that follow from the list would only repeat it.
            after.Remove("inputs");
            after.Remove("inputRows");
            after.Remove("firstRow");
            after.Remove("lastRow");
        }

        IEnumerable<string> differences = after
            .Where(property => !except.Contains(property.Key) && !JsonNode.DeepEquals(property.Value, before[property.Key]))
            .Select(property => $"{property.Key} was {before[property.Key]}, is now {property.Value}");
        if (earlier.Inputs != now.Inputs)
            differences = differences.Prepend($"the input list was another one, of {earlier.InputRows} rows, and has {now.InputRows} now");
        string all = string.Join("; ", differences);
        return all.Length == 0 ? null : all;
    }

    /// <summary>Of <see cref="Model"/>.</summary>
    [GeneratedRegex(@"^hidden ([1-9]\d{0,5}), .* patch ([1-9]\d{0,5}),", RegexOptions.CultureInvariant)]
    private static partial Regex ModelSizes();
}
