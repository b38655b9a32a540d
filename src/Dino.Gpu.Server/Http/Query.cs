using System.Globalization;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>Parameters in a URL.</summary>
internal static class Query
{
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
