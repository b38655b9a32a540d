using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// How much a client likes the formats of an answer: the most exact range of <c>Accept</c> says it (RFC 9110).
/// </summary>
internal sealed class AcceptedTypes
{
    private readonly IList<MediaTypeHeaderValue> _ranges;

    private AcceptedTypes(IList<MediaTypeHeaderValue> ranges) => _ranges = ranges;

    /// <summary>Whether the client says nothing.</summary>
    public bool IsEmpty => _ranges.Count == 0;

    public static AcceptedTypes Of(HttpRequest request) => new(request.GetTypedHeaders().Accept);

    /// <summary>How much a format is liked.</summary>
    /// <param name="kind">The part of its media type that a range with one star names, such as <c>image</c>.</param>
    /// <param name="isExact">Whether a range names the format itself.</param>
    /// <param name="hasWildcard">Whether a range with stars may mean it.</param>
    /// <returns>0 to 1, and the place of the range that names the format; null for one with stars, or none.</returns>
    public (double Quality, int? Place) Of(string kind, Func<MediaTypeHeaderValue, bool> isExact, bool hasWildcard = true)
    {
        // Of two that name it, the one with a parameter is more exact.
        int? place = _ranges.Index().Where(one => isExact(one.Item))
            .OrderByDescending(one => one.Item.Parameters.Count(parameter => parameter.Name != "q"))
            .Select(one => (int?)one.Index).FirstOrDefault();
        MediaTypeHeaderValue? range = place is { } its ? _ranges[its]
            : hasWildcard ? Range(kind + "/*") ?? Range("*/*")
            : null;
        return (range is null ? 0 : range.Quality ?? 1, place);
    }

    /// <summary>Whether a range is of a media type, whatever its parameters are.</summary>
    public static bool Is(MediaTypeHeaderValue range, string type) => range.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase);

    private MediaTypeHeaderValue? Range(string type) => _ranges.FirstOrDefault(range => Is(range, type));
}
