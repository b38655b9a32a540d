using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dino.Gpu.Data.Rows;

/// <summary>What made the vectors as JSON, without reflection.</summary>
[JsonSerializable(typeof(Provenance))]
internal sealed partial class ProvenanceJson : JsonSerializerContext
{
    /// <summary>Names in camelCase, letters of other languages as they are: for files and members of files.</summary>
    public static ProvenanceJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
