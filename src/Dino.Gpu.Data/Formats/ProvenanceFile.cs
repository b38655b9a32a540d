using System.Text.Json;
using System.Text.Json.Nodes;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// What made the vectors of a JSON Lines file, in a file beside it: every line of such a file is a row, so there is no
/// room inside. It is believed only while the rows have the length that they had when both were written.
/// </summary>
internal static class ProvenanceFile
{
    private const string Suffix = ".provenance.json";
    private const string BytesKey = "bytes";
    private const string ProvenanceKey = "provenance";

    /// <summary>Where it lies.</summary>
    public static string PathOf(string rows) => rows + Suffix;

    /// <summary>Whether a file is one of these, so that another may replace it.</summary>
    public static bool IsOne(string path)
    {
        try
        {
            return new FileInfo(path).Length <= Provenance.LongestJson
                && JsonNode.Parse(File.ReadAllBytes(path)) is JsonObject json
                && json.ContainsKey(BytesKey)
                && json.ContainsKey(ProvenanceKey);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Takes away what earlier rows were made by, before others take their place.</summary>
    /// <exception cref="DinoException">It cannot be deleted.</exception>
    public static void Delete(string rows)
    {
        try
        {
            File.Delete(PathOf(rows));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Of(PathOf(rows), failure);
        }
    }

    /// <summary>Writes it once the rows are in place.</summary>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public static void Write(string rows, Provenance provenance)
    {
        var json = new JsonObject { [BytesKey] = new FileInfo(rows).Length, [ProvenanceKey] = provenance.ToNode() };
        using var file = new AtomicFile(PathOf(rows));
        file.Write([.. JsonSerializer.SerializeToUtf8Bytes(json), (byte)'\n']);
        file.Complete();
    }

    /// <summary>What made the rows; null where nobody says, or where the rows are others now.</summary>
    public static Provenance? Read(string rows)
    {
        string path = PathOf(rows);
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > Provenance.LongestJson)
                return null;
            return JsonNode.Parse(File.ReadAllBytes(path)) is JsonObject json
                && json[BytesKey]?.GetValue<long>() == new FileInfo(rows).Length
                ? Provenance.FromNode(json[ProvenanceKey])
                : null;
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException or InvalidOperationException or FormatException
            or IOException or UnauthorizedAccessException)
        {
            return null; // as good as none: the rows themselves are whole
        }
    }
}
