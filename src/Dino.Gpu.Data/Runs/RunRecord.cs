using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// <c>run.json</c>: everything that a row of the output depends on, so that a run resumes only as it began.
/// </summary>
internal sealed record RunRecord
{
    public const string FileName = "run.json";

    private const string ProvenanceKey = "provenance";

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    /// <summary>Properties that a part of a run has for itself, or that do not change what the rows mean.</summary>
    private static readonly string[] OfThePart = ["firstRow", "lastRow", "shardIndex", "device"];

    /// <summary>What made the vectors.</summary>
    [JsonIgnore]
    // set by whoever makes a record: a serializer takes no required property that it ignores
    public Provenance Provenance { get; init; } = null!;

    /// <summary>Most pixels of a picture.</summary>
    public required long MaxPixels { get; init; }

    /// <summary>Kind and name of the devices.</summary>
    public required string Device { get; init; }

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

    /// <summary>What of a run is known without its inputs.</summary>
    /// <param name="embedder">What makes the vectors, and where.</param>
    /// <param name="options">How rows are written.</param>
    public static RunRecord Of(Embedder embedder, RunOptions options) => new()
    {
        Provenance = embedder.Provenance,
        MaxPixels = embedder.Options.MaxPixels,
        Device = string.Join(
            ", ",
            embedder.Devices.Select(device => $"{device.Id.Split(':')[0]} {device.Name}").Distinct().Order(StringComparer.Ordinal)),
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
    };

    /// <summary>Shards of the output.</summary>
    [JsonIgnore]
    public long Shards => (LastRow - FirstRow + ShardSize - 1) / ShardSize;

    /// <summary>Shape of a row of the output, which not every format keeps.</summary>
    /// <exception cref="DinoException">The record was edited.</exception>
    public int[] RowShape()
    {
        if (OutputKind.Parse(Provenance.Output) is not { } kind)
            throw new DinoException(
                $"cannot tell the shape of a row from {FileName}: output '{Provenance.Output}', expected {OutputKind.Names}");
        int patch = Provenance.PatchSize;
        return new RowLayout(
            kind, Provenance.Normalize, Provenance.HiddenSize, Provenance.InputHeight / patch, Provenance.InputWidth / patch).Shape;
    }

    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void Save(string folder)
    {
        using var file = new AtomicFile(Path.Combine(folder, FileName));
        file.Write(stream =>
        {
            stream.Write(JsonSerializer.SerializeToUtf8Bytes(ToNode(), Options));
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
            return FromNode(JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? throw new JsonException("expected an object"));
        }
        catch (Exception failure) when (failure is JsonException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            throw new DinoException($"cannot read {path}: it is damaged", "put the file back, or start again with --overwrite", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot read {path}: {MessageText.OneLine(failure.Message)}", failure);
        }
    }

    /// <summary>What differs, such as <c>precision was fp32, is now bf16</c>; null where nothing does.</summary>
    public string? DifferenceFrom(RunRecord earlier) => Difference(earlier, this, []);

    /// <summary>As <see cref="DifferenceFrom"/>, of what the parts of one run have in common.</summary>
    public string? DifferenceFromPart(RunRecord other) => Difference(other, this, OfThePart);

    /// <summary>Provenance first: it is what a reader looks for.</summary>
    private JsonObject ToNode()
    {
        var node = new JsonObject { [ProvenanceKey] = Provenance.ToNode() };
        foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(this, Options)!.AsObject())
            node[name] = value?.DeepClone();
        return node;
    }

    private static RunRecord FromNode(JsonObject node)
    {
        // Versions up to 0.1.0 had the properties of the provenance among the others.
        var provenance = Provenance.FromNode(node.TryGetPropertyValue(ProvenanceKey, out JsonNode? own) ? own : node);
        RunRecord? record = node.Deserialize<RunRecord>(Options);
        return record is { Device: not null, Format: not null, DType: not null, OnError: not null, Inputs: not null }
            ? record with { Provenance = provenance }
            : throw new JsonException("a property is null");
    }

    private static string? Difference(RunRecord earlier, RunRecord now, string[] except)
    {
        Dictionary<string, JsonNode?> before = earlier.Properties();
        Dictionary<string, JsonNode?> after = now.Properties();
        if (earlier.Inputs != now.Inputs)
        {
            // Rows that follow from the list would only repeat it.
            foreach (string name in new[] { "inputs", "inputRows", "firstRow", "lastRow" })
                after.Remove(name);
        }

        IEnumerable<string> differences = after
            .Where(property => !except.Contains(property.Key) && !JsonNode.DeepEquals(property.Value, before[property.Key]))
            .Select(property => $"{property.Key} was {before[property.Key]}, is now {property.Value}");
        if (earlier.Inputs != now.Inputs)
            differences = differences.Prepend($"the input list changed: {earlier.InputRows} rows before, {now.InputRows} now");
        string all = string.Join("; ", differences);
        return all.Length == 0 ? null : all;
    }

    /// <summary>Everything by its name, the provenance's properties among them.</summary>
    private Dictionary<string, JsonNode?> Properties()
    {
        JsonObject node = ToNode();
        var properties = node[ProvenanceKey]!.AsObject().Concat(node.Where(property => property.Key != ProvenanceKey)).ToDictionary();
        properties.Remove("inputWidth");
        properties.Remove("inputHeight");
        properties.Add("size", Provenance.Size); // as the option says it
        return properties;
    }
}
