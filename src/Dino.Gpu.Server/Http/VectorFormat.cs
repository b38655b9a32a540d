using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Dino.Gpu.Server.Http;

/// <summary>How vectors are sent: as JSON, as a <c>.npy</c> array, or as their bare little-endian bytes.</summary>
/// <param name="Container">What they are sent in.</param>
/// <param name="IsHalf">Whether values are float16.</param>
internal readonly record struct VectorFormat(VectorContainer Container, bool IsHalf)
{
    /// <summary>The media type of NumPy's <c>.npy</c>.</summary>
    public const string Npy = "application/x-npy";

    private const string Bytes = "application/octet-stream";

    /// <summary>
    /// All there are; where a client likes several alike, the first of them. Float16 is sent only to who names it.
    /// </summary>
    private static readonly VectorFormat[] Offered =
    [
        default, new(VectorContainer.Npy, false), new(VectorContainer.Bytes, false), new(VectorContainer.Npy, true),
        new(VectorContainer.Bytes, true),
    ];

    /// <summary>The media type, with the type of the values.</summary>
    public string MediaType => Container switch
    {
        VectorContainer.Npy => Npy,
        VectorContainer.Bytes => Bytes,
        _ => "application/json",
    } + (Container == VectorContainer.Json ? "" : IsHalf ? "; dtype=f16" : "; dtype=f32");

    /// <summary>The format that a client likes best; JSON if it does not say.</summary>
    /// <exception cref="RequestFailure">It accepts none of them.</exception>
    public static VectorFormat Of(HttpRequest request)
    {
        var accepted = AcceptedTypes.Of(request);
        if (accepted.IsEmpty)
            return default;

        // Who names a format wants it more than one that stars allow; of those that are named, the first.
        (VectorFormat format, (double quality, _)) = Offered
            .Select(one => (Format: one, Liked: accepted.Of("application", range => Known(range) == one, hasWildcard: !one.IsHalf)))
            .OrderByDescending(one => one.Liked.Quality).ThenBy(one => one.Liked.Place ?? int.MaxValue)
            .First();
        if (quality > 0)
            return format;
        throw new RequestFailure(
            StatusCodes.Status406NotAcceptable,
            "not_acceptable",
            $"expected Accept: application/json, {Npy} or {Bytes}, the last two perhaps with dtype=f16 or dtype=f32");
    }

    /// <summary>The format that a media type names; null if there is none, or it has stars.</summary>
    public static VectorFormat? Known(MediaTypeHeaderValue type)
    {
        VectorContainer? container = type.MediaType.Value?.ToLowerInvariant() switch
        {
            "application/json" or "application/problem+json" => VectorContainer.Json,
            Npy => VectorContainer.Npy,
            Bytes => VectorContainer.Bytes,
            _ => null,
        };
        NameValueHeaderValue? dtype =
            type.Parameters.FirstOrDefault(one => one.Name.Equals("dtype", StringComparison.OrdinalIgnoreCase));
        bool? isHalf = HeaderUtilities.RemoveQuotes(dtype?.Value ?? default).Value?.ToLowerInvariant() switch
        {
            null or "f32" => false,
            "f16" => true,
            _ => null,
        };
        return container is { } known && isHalf is { } half ? new VectorFormat(known, half) : null;
    }
}
