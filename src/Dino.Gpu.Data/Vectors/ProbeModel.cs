using System.Text.Json;
using Dino.Gpu.Classification;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// What made the features of a linear classifier, in its file, so that it is not asked about another model's.
/// </summary>
internal static class ProbeModel
{
    private const string Key = "features";

    /// <summary>A classifier's metadata.</summary>
    public static IReadOnlyDictionary<string, string> Metadata(Provenance? model) =>
        model is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [Key] = JsonSerializer.Serialize(model) };

    /// <summary>What a classifier says; null where it says nothing that is understood.</summary>
    public static Provenance? Of(LinearProbe probe)
    {
        try
        {
            return probe.Metadata.TryGetValue(Key, out string? text) ? JsonSerializer.Deserialize<Provenance>(text) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
