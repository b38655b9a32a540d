using System.Net;
using System.Net.Http.Headers;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// A file of the hub behind its resolve address. The hub answers with a redirect to its storage, and only that first
/// answer
/// carries the size and the SHA-256 (<c>X-Linked-Size</c>, <c>X-Linked-Etag</c>), so redirects are followed here and
/// not by HttpClient.
/// </summary>
/// <param name="client">Follows no redirects itself.</param>
/// <param name="address">The resolve address.</param>
/// <param name="token">Sent to the hub alone, and never in clear text across a network; null for none.</param>
internal sealed class HubFile(HttpClient client, Uri address, string? token = null)
{
    private const int MaxRedirects = 10;

    /// <summary>
    /// Asks for the bytes from <paramref name="from"/> on and follows redirects; the response may be any that is not
    /// one.
    /// </summary>
    /// <exception cref="DinoException">
    /// The hub announces no SHA-256, or redirects in a way that is not followed.
    /// </exception>
    public async Task<HubResponse> GetAsync(long from, CancellationToken cancellation)
    {
        Uri target = address;
        string? hash = null;
        long? size = null;
        for (int i = 0; i <= MaxRedirects; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, target);
            request.Headers.UserAgent.ParseAdd("Dino.Gpu");
            if (from > 0) request.Headers.Range = new(from, null);
            if (token is not null && MayHaveToken(target))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            HttpResponseMessage response = await client
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
            hash ??= Header(response, "X-Linked-Etag");
            size ??= long.TryParse(Header(response, "X-Linked-Size"), out long announced) ? announced : null;
            if (!IsRedirect(response.StatusCode)) return new HubResponse(response, size, ParseHash(hash));

            using (response) target = Next(target, response);
        }

        throw new WeightsException($"{address}: more than {MaxRedirects} redirects");
    }

    private bool MayHaveToken(Uri target) =>
        target.Authority == address.Authority && target.Scheme == address.Scheme
        && (target.Scheme == Uri.UriSchemeHttps || target.IsLoopback);

    /// <summary>Where a redirect leads: from https only to https.</summary>
    internal static Uri Next(Uri target, HttpResponseMessage response)
    {
        Uri location = response.Headers.Location ?? throw new WeightsException($"{target}: a redirect without an address");
        if (!location.IsAbsoluteUri) location = new Uri(target, location);
        bool followed = location.Scheme == Uri.UriSchemeHttps
            || (location.Scheme == Uri.UriSchemeHttp && target.Scheme == Uri.UriSchemeHttp);
        return followed ? location : throw new WeightsException(
            $"{target}: redirects to {location.Scheme}://{location.Host}, which is not followed from {target.Scheme}");
    }

    private static bool IsRedirect(HttpStatusCode status) => (int)status is 301 or 302 or 303 or 307 or 308;

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;

    /// <summary>
    /// Of a large file the hub's ETag is its SHA-256 in quotes; of a small one a git object's SHA-1, which is no use
    /// here.
    /// </summary>
    internal static string? ParseHash(string? tag)
    {
        string? text = tag?.StartsWith("W/", StringComparison.Ordinal) == true ? tag[2..] : tag;
        text = text?.Trim('"');
        return text is { Length: 64 } && text.All(char.IsAsciiHexDigit) ? text.ToLowerInvariant() : null;
    }
}

/// <summary>The last response of a chain of redirects, and what any of them announced about the file.</summary>
internal sealed record HubResponse(HttpResponseMessage Message, long? Size, string? Sha256) : IDisposable
{
    public void Dispose() => Message.Dispose();
}
