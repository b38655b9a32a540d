using System.Globalization;
using Dino.Gpu.Files;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>Parameters in a URL.</summary>
internal static class Query
{
    /// <summary>Refuses a name that an endpoint does not know: a mistyped one would count as missing.</summary>
    /// <exception cref="RequestFailure">There is one.</exception>
    public static void CheckNames(HttpRequest request, IEnumerable<string> known)
    {
        if (request.Query.Keys.FirstOrDefault(name => !known.Contains(name, StringComparer.OrdinalIgnoreCase)) is not { } other)
            return;
        string? similar = SimilarName.Of(other, known);
        throw RequestFailure.Invalid(
            $"there is no parameter {EmbeddingsRequest.Short(other)} (expected {string.Join(", ", known)})",
            other,
            similar is null ? null : $"did you mean {similar}?");
    }

    /// <summary>A parameter; null if it is missing or empty.</summary>
    /// <exception cref="RequestFailure">It is there twice.</exception>
    public static string? Text(HttpRequest request, string name) => request.Query[name] switch
    {
        { Count: > 1 } => throw RequestFailure.Invalid($"{name}: expected one value", name),
        var value => string.IsNullOrEmpty(value) ? null : value.ToString(),
    };

    /// <summary>True or false; null if it is missing.</summary>
    public static bool? Flag(HttpRequest request, string name) => Text(request, name)?.ToLowerInvariant() switch
    {
        null => null,
        "true" or "1" => true,
        "false" or "0" => false,
        _ => throw RequestFailure.Invalid($"{name}: expected true or false", name),
    };

    /// <summary>A whole number; null if it is missing.</summary>
    public static int? Whole(HttpRequest request, string name) => Text(request, name) is not { } text ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number
        : throw RequestFailure.Invalid($"{name}: expected a whole number, found {EmbeddingsRequest.Short(text)}", name);

    /// <summary>A number; null if it is missing.</summary>
    public static double? Number(HttpRequest request, string name) => Text(request, name) is not { } text ? null
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) ? number
        : throw RequestFailure.Invalid($"{name}: expected a number, found {EmbeddingsRequest.Short(text)}", name);
}
