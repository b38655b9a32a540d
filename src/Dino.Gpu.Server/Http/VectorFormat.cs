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
        IList<MediaTypeHeaderValue> accepted = request.GetTypedHeaders().Accept;
        if (accepted.Count == 0)
            return default;
        foreach (MediaTypeHeaderValue type in accepted.OrderByDescending(type => type.Quality ?? 1))
        {
            if (Known(type) is { } format && type.Quality is not 0)
                return format;
        }

        throw new RequestFailure(
            StatusCodes.Status406NotAcceptable,
            "not_acceptable",
            $"expected Accept: application/json, {Npy} or {Bytes}, the last two perhaps with dtype=f16 or dtype=f32");
    }

    /// <summary>The format that a media type names; null if there is none.</summary>
    public static VectorFormat? Known(MediaTypeHeaderValue type)
    {
        VectorContainer? container = type.MediaType.Value?.ToLowerInvariant() switch
        {
            "application/json" or "application/*" or "*/*" or "application/problem+json" => VectorContainer.Json,
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
