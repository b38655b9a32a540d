using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>--json</c> prints, without reflection.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(CheckpointDescription))]
[JsonSerializable(typeof(ClassifyReport))]
[JsonSerializable(typeof(ComparedImages))]
[JsonSerializable(typeof(List<PrecisionResult>))]
[JsonSerializable(typeof(WrittenCheckpoint))]
[JsonSerializable(typeof(WrittenImages))]
[JsonSerializable(typeof(WrittenIndex))]
[JsonSerializable(typeof(WrittenRows))]
internal sealed partial class CommandJson : JsonSerializerContext
{
    /// <summary>Letters of other languages as they are, and nothing where a value is missing.</summary>
    public static CommandJson Readable { get; } = new(new JsonSerializerOptions
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>Names in snake_case.</summary>
    public static CommandJson SnakeCase { get; } = new(new JsonSerializerOptions
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    });
}
