using System.Text.Json;
using Dino.Gpu.Classification;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Keeps in the file of a linear classifier what made its features, so that features of another model are refused.
/// </summary>
internal static class ProbeModel
{
    private const string Key = "features";

    /// <summary>The metadata of a classifier's file.</summary>
    public static IReadOnlyDictionary<string, string> Metadata(Provenance? model) =>
        model is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [Key] = Text(model) };

    /// <summary>What made a classifier's features; null if its file does not say it.</summary>
    public static Provenance? Of(LinearProbe probe)
    {
        try
        {
            return probe.Metadata.TryGetValue(Key, out string? text)
                ? JsonSerializer.Deserialize(text, ProvenanceJson.Default.Provenance)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Text(Provenance model) => JsonSerializer.Serialize(model, ProvenanceJson.Default.Provenance);
}
