using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A file beside a JSON Lines file that says what made the vectors. Every line of JSON Lines is a row, so there is no
/// room inside. The file is trusted only while the rows have the length that it records.
/// </summary>
internal static class ProvenanceFile
{
    private const string Suffix = ".provenance.json";
    private const string BytesKey = "bytes";
    private const string ProvenanceKey = "provenance";

    /// <summary>The path of the file beside some rows.</summary>
    public static string PathOf(string rows) => rows + Suffix;

    /// <summary>Whether a file is of this kind, so that another may replace it.</summary>
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

    /// <summary>Deletes the file of earlier rows, before new rows replace them.</summary>
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

    /// <summary>Writes the file, once the rows are in place.</summary>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public static void Write(string rows, Provenance provenance)
    {
        var json = new JsonObject { [BytesKey] = new FileInfo(rows).Length, [ProvenanceKey] = provenance.ToNode() };
        using var file = new AtomicFile(PathOf(rows));
        file.Write(Encoding.UTF8.GetBytes(json.ToJsonString() + "\n"));
        file.Complete();
    }

    /// <summary>What made the rows; null if no file says it, or if the rows have changed since.</summary>
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
            return null; // as if there were no file: the rows themselves are intact
        }
    }
}
