using System.Text.Json;
using System.Text.Json.Nodes;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Stores;

/// <summary>What the vectors of a store are.</summary>
/// <param name="Dimension">Values of a vector.</param>
/// <param name="Model">What made them; null if that is not known.</param>
/// <param name="IsApproximate">Whether an HNSW graph answers searches, which may then miss some of the nearest.</param>
public sealed record StoreContents(int Dimension, Provenance? Model, bool IsApproximate)
{
    /// <summary>The fixed part of a message.</summary>
    internal const string MadeDifferently = "was made differently";

    /// <summary>The version of what stores keep about themselves.</summary>
    private const int Version = 1;

    /// <summary>What a store keeps about its vectors, as one line of JSON.</summary>
    internal static string Describe(Provenance? model) =>
        new JsonObject { ["dino"] = Version, ["model"] = model?.ToNode() }.ToJsonString(JsonLines);

    /// <summary>Reads what <see cref="Describe"/> made.</summary>
    /// <returns>Whether it is such a line.</returns>
    internal static bool TryRead(string? description, out Provenance? model)
    {
        model = null;
        if (description is null || description.Length > Provenance.LongestJson || !description.StartsWith('{'))
            return false;
        try
        {
            if (JsonNode.Parse(description) is not JsonObject node || node["dino"] is not JsonValue version
                || !version.TryGetValue(out int number) || number != Version)
                return false;
            model = node["model"] is { } made ? Provenance.FromNode(made) : null;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Refuses vectors that cannot be compared with those of the store.</summary>
    /// <param name="store">The store's name.</param>
    /// <param name="dimension">Values of the new vectors.</param>
    /// <param name="model">What makes them; null if that is not known.</param>
    /// <exception cref="DinoException">They differ.</exception>
    internal void Require(string store, int dimension, Provenance? model)
    {
        const string Another = "name another table or collection, or make the vectors as those were made";
        if (dimension != Dimension)
            throw new DinoException($"{store} has vectors of {Dimension} values (expected {dimension})", Another);
        string? difference = (Model, model) switch
        {
            (null, null) => null,
            (null, _) => "it does not say what made its vectors",
            (_, null) => "what made the new vectors is not known",
            _ => Model.DifferenceFrom(model),
        };
        if (difference is not null)
            throw new DinoException($"{store} {MadeDifferently} ({difference})", Another);
    }

    private static readonly JsonSerializerOptions JsonLines = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
