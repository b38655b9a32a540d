using System.Text.Json.Serialization;

namespace Dino.Gpu.Data.Embedding;

/// <summary>The statistics of a run as JSON, without reflection.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EmbedStatistics))]
internal sealed partial class EmbedStatisticsJson : JsonSerializerContext;
