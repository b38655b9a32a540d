using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// <c>run.json</c>: everything that a row of the output depends on, so that a run resumes only as it began. Earlier
/// versions did not record <see cref="Vectors"/> and <see cref="Failed"/>; both are then unknown.
/// </summary>
internal sealed record RunRecord
{
    public const string FileName = RunNames.Record;

    private const string ProvenanceKey = "provenance";
    private const string Cpu = "cpu ";

    /// <summary>Far more than this is written; a longer file is somebody else's.</summary>
    private const long LongestFile = 1 << 20;

    /// <summary>Shards whose failed images are counted; a record stays small.</summary>
    public const int MostCounts = 64;

    /// <summary>More rows than any list has. Below it no number of rows or shards overflows.</summary>
    private const long MostRows = 1L << 40;

    /// <summary>Properties that change while a run is at work.</summary>
    private static readonly string[] OfTheState = ["failed"];

    /// <summary>Properties that change the last digits of a row and nothing else.</summary>
    private static readonly string[] OfTheArithmetic = ["device", "vectors"];

    /// <summary>Properties that a part of a run has for itself.</summary>
    private static readonly string[] OfThePart = ["firstRow", "lastRow", "shardIndex"];

    /// <summary>What made the vectors.</summary>
    [JsonIgnore]
    // Not "required": a serializer takes no required property that it ignores.
    public Provenance Provenance { get; init; } = null!;

    /// <summary>Most pixels of a picture.</summary>
    public required long MaxPixels { get; init; }

    /// <summary>Kind and name of the devices.</summary>
    public required string Device { get; init; }

    /// <summary>
    /// Vector registers of the CPU, as <see cref="Devices.DeviceInfo.Vectors"/>; several if the rows are mixed. Null
    /// where that is not known, and for GPUs.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Vectors { get; init; }

    /// <summary>Name of the shards' format.</summary>
    public required string Format { get; init; }

    /// <summary><c>f32</c> or <c>f16</c>.</summary>
    public required string DType { get; init; }

    /// <summary>Whether rows carry the SHA-256 of their image file.</summary>
    public required bool Sha256 { get; init; }

    /// <summary><c>nan</c>, <c>skip</c> or <c>fail</c>.</summary>
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

    /// <summary>
    /// Failed images of shards, by the shard's number: as many lines <c>errors.jsonl</c> must have of it. Only of the
    /// last <see cref="MostCounts"/> shards with such images, since it is its end that a log loses. Null where that is
    /// not known.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SortedDictionary<long, long>? Failed { get; init; }

    /// <summary>What of a run is known without its inputs.</summary>
    /// <param name="embedder">What makes the vectors, and where.</param>
    /// <param name="options">How rows are written.</param>
    public static RunRecord Of(Embedder embedder, RunOptions options) => new()
    {
        Provenance = embedder.Provenance,
        MaxPixels = embedder.Options.MaxPixels,
        Device = Join(embedder.Devices.Select(device => $"{device.Id.Split(':')[0]} {device.Name}")),
        Vectors = embedder.Devices.Select(device => device.Vectors).OfType<string>().FirstOrDefault(),
        Format = options.Format,
        DType = options.Type == FloatType.Float16 ? "f16" : "f32",
        Sha256 = embedder.Options.Sha256,
        OnError = options.OnError.ToString().ToLowerInvariant(),
        ShardSize = options.ShardSize,
        Inputs = "",
        InputRows = 0,
        FirstRow = 0,
        LastRow = 0,
        ShardIndex = 0,
        ShardCount = 1,
        Failed = [],
    };

    /// <summary>Shards of the output.</summary>
    [JsonIgnore]
    public long Shards => (LastRow - FirstRow + ShardSize - 1) / ShardSize;

    /// <summary>Whether the last digits of its rows are not known: an earlier version made them on a CPU.</summary>
    [JsonIgnore]
    public bool IsOfUnknownVectors => Vectors is null && Device.Split(", ").Any(IsCpu);

    /// <summary>Shape of a row of the output, which not every format keeps.</summary>
    /// <exception cref="DinoException">The record was edited.</exception>
    public int[] RowShape()
    {
        if (OutputKind.Parse(Provenance.Output) is not { } kind)
            throw new DinoException(
                $"cannot tell the shape of a row from {FileName}: output '{Provenance.Output}', expected {OutputKind.Names}");
        int[] shape = RowShape(kind);
        return RowSchema.IsReadable(shape.Select(side => (long)side))
            ? shape
            : throw new DinoException($"{FileName} claims rows of ({string.Join(", ", shape)}): no model makes them");
    }

    private int[] RowShape(OutputKind kind)
    {
        int patch = Provenance.PatchSize;
        try
        {
            return new RowLayout(
                kind,
                Provenance.Normalize,
                Provenance.HiddenSize,
                Provenance.InputHeight / patch,
                Provenance.InputWidth / patch,
                Provenance.RegisterCount).Shape;
        }
        catch (ArgumentOutOfRangeException tooMany)
        {
            throw new DinoException($"{FileName} claims rows of more values than an array holds: no model makes them", tooMany);
        }
    }

    /// <summary>What a row of the output holds.</summary>
    /// <param name="format">Of the output.</param>
    /// <param name="sha256">Whether rows carry the SHA-256 of their image file.</param>
    /// <param name="columns">Columns that the rows carry.</param>
    /// <exception cref="DinoException">The record was edited, or a column cannot be carried.</exception>
    public RowSchema Schema(EmbeddingFormat format, bool sha256, IReadOnlyList<CarriedColumn> columns)
    {
        RowSchema.Validate(columns);
        return new RowSchema(RowShape(), DType == "f16" ? FloatType.Float16 : FloatType.Float32, sha256, columns)
        {
            Provenance = format.HoldsProvenance ? Provenance : null,
        };
    }

    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void Save(string folder)
    {
        using var file = new AtomicFile(Path.Combine(folder, FileName));
        file.Write(stream =>
        {
            stream.Write(Encoding.UTF8.GetBytes(ToNode().ToJsonString(RunRecordJson.Readable.Options)));
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
        RunRecord record;
        try
        {
            record = FromNode(JsonNode.Parse(ReadFile(path)) as JsonObject ?? throw new JsonException("expected an object"));
        }
        catch (Exception failure) when (failure
            is JsonException or NotSupportedException or ArgumentException or InvalidOperationException or FormatException)
        {
            throw new DinoException($"cannot read {path}: it is damaged", "put the file back, or start again with --overwrite", failure);
        }

        return record.NumbersFit ? record : throw new DinoException($"cannot read {path}: its numbers do not fit together");
    }

    /// <summary>What differs, such as <c>precision was fp32, is now bf16</c>; null where nothing does.</summary>
    /// <param name="earlier">The record in the folder.</param>
    /// <param name="allowMixed">Whether rows may differ in their last digits.</param>
    public string? DifferenceFrom(RunRecord earlier, bool allowMixed) =>
        Difference(earlier, this, allowMixed ? [.. OfTheState, .. OfTheArithmetic] : OfTheState);

    /// <summary>The same, of what the parts of one run have in common. Their arithmetic is not compared.</summary>
    public string? DifferenceFromPart(RunRecord other) => Difference(other, this, [.. OfTheState, .. OfTheArithmetic, .. OfThePart]);

    /// <summary>Whether rows of both have equal bytes.</summary>
    public bool HasArithmeticOf(RunRecord other) => DeviceBeside(other) == other.DeviceBeside(this) && Vectors == other.Vectors;

    /// <summary>This record for rows of both arithmetics.</summary>
    public RunRecord MixedWith(IEnumerable<RunRecord> others)
    {
        RunRecord[] all = [this, .. others];
        return this with
        {
            Device = Join(all.SelectMany(record => record.Device.Split(", "))),
            Vectors = all.Any(record => record.IsOfUnknownVectors) || all.All(record => record.Vectors is null)
                ? null
                : Join(all.SelectMany(record => record.Vectors?.Split(", ") ?? [])),
        };
    }

    private static string Join(IEnumerable<string> names) => string.Join(", ", names.Distinct().Order(StringComparer.Ordinal));

    private static bool IsCpu(string device) => device.StartsWith(Cpu, StringComparison.Ordinal);

    /// <summary>
    /// The devices as far as they decide the last digits: of a CPU its vectors do, and its name only where they are not
    /// known.
    /// </summary>
    private string DeviceBeside(RunRecord other) => IsOfUnknownVectors || other.IsOfUnknownVectors
        ? Device
        : Join(Device.Split(", ").Select(device => IsCpu(device) ? Cpu : device));

    /// <summary>Numbers that a run writes fit together. Those of a file that was edited may not.</summary>
    [JsonIgnore]
    private bool NumbersFit =>
        ShardSize is > 0 and <= MostRows && ShardCount > 0 && ShardIndex >= 0 && ShardIndex < ShardCount
        && FirstRow >= 0 && LastRow >= FirstRow && LastRow <= InputRows && InputRows <= MostRows
        && FormatCatalog.FromName(Format) is not null && (DType is "f32" or "f16") && (OnError is "nan" or "skip" or "fail");

    private static byte[] ReadFile(string path)
    {
        try
        {
            using SafeFileHandle file = RegularFile.Open(path);
            long length = RandomAccess.GetLength(file);
            if (length > LongestFile)
                throw new JsonException($"{length} bytes");
            byte[] bytes = new byte[length];
            return bytes[..RandomAccess.Read(file, bytes, 0)];
        }
        catch (Exception failure) when (failure is DinoException or IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot read {path}: {MessageText.OneLine(failure.Message)}", failure);
        }
    }

    /// <summary>Provenance first: it is what a reader looks for.</summary>
    private JsonObject ToNode()
    {
        var node = new JsonObject { [ProvenanceKey] = Provenance.ToNode() };
        foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(this, RunRecordJson.Readable.RunRecord)!.AsObject())
            node[name] = value?.DeepClone();
        return node;
    }

    private static RunRecord FromNode(JsonObject node)
    {
        // Versions up to 0.1.0 had the properties of the provenance among the others.
        var provenance = Provenance.FromNode(node.TryGetPropertyValue(ProvenanceKey, out JsonNode? own) ? own : node);
        RunRecord? record = node.Deserialize(RunRecordJson.Readable.RunRecord);
        return record is { Device: not null, Format: not null, DType: not null, OnError: not null, Inputs: not null }
            ? record with { Provenance = provenance }
            : throw new JsonException("a property is null");
    }

    private static string? Difference(RunRecord earlier, RunRecord now, string[] except)
    {
        Dictionary<string, JsonNode?> before = earlier.Properties(now);
        Dictionary<string, JsonNode?> after = now.Properties(earlier);
        if (earlier.Inputs != now.Inputs)
        {
            // These follow from the list.
            foreach (string name in new[] { "inputs", "inputRows", "firstRow", "lastRow" })
                after.Remove(name);
        }

        IEnumerable<string> differences = after
            .Where(property => !except.Contains(property.Key))
            .Select(property => (property.Key, Was: before.GetValueOrDefault(property.Key), Is: property.Value))
            .Where(property => !JsonNode.DeepEquals(property.Was, property.Is))
            .Select(property => $"{property.Key} was {property.Was}, is now {property.Is}");
        if (earlier.Inputs != now.Inputs)
        {
            string rows = Quantity.Of(earlier.InputRows, "row");
            differences = differences.Prepend($"the input list changed: {rows} before, {now.InputRows} now");
        }

        string all = string.Join("; ", differences);
        return all.Length == 0 ? null : all;
    }

    /// <summary>
    /// Everything by its name, the provenance's properties among them, to be compared with another's.
    /// </summary>
    private Dictionary<string, JsonNode?> Properties(RunRecord other)
    {
        JsonObject node = ToNode();
        var properties = node[ProvenanceKey]!.AsObject().Concat(node.Where(property => property.Key != ProvenanceKey)).ToDictionary();
        properties.Remove("inputWidth");
        properties.Remove("inputHeight");
        properties.Add("size", Provenance.Size); // as the option says it
        if (DeviceBeside(other) == other.DeviceBeside(this))
            properties.Remove("device"); // the names of two CPUs may differ
        if (IsOfUnknownVectors || other.IsOfUnknownVectors)
            properties.Remove("vectors");
        return properties;
    }
}
