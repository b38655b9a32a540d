using System.Collections.Frozen;
using System.Security.Cryptography;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// The page: the files of the folder <c>Page</c>, which are in this assembly. <c>index.html</c> is at <c>/</c>, every
/// other at <c>/page/NAME</c>. Whatever a path says, only these are sent.
/// </summary>
internal sealed class PageFiles(IOptions<DinoServerOptions> options)
{
    private const string Prefix = "page/";
    private const string Start = "index.html";

    /// <summary>Nothing from elsewhere, nothing inline; pictures that the page makes itself, too.</summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
        + "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
        [".png"] = "image/png",
        [".jpg"] = "image/jpeg",
        [".ico"] = "image/x-icon",
        [".json"] = "application/json",
        [".webmanifest"] = "application/manifest+json",
        [".woff2"] = "font/woff2",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenDictionary<string, PageFile> _files = Load().ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>
    /// Sends <c>index.html</c>, whose links begin at a slash: below a prefix without one at its end, the address with one
    /// is named.
    /// </summary>
    public Task StartAsync(HttpContext context)
    {
        if (context.Request.Path.Value is { } path && path.EndsWith('/'))
            return SendAsync(context, Start);
        context.Response.Redirect($"{context.Request.PathBase}{context.Request.Path}/", permanent: true);
        return Task.CompletedTask;
    }

    /// <summary>Sends another file.</summary>
    public Task FileAsync(HttpContext context) => SendAsync(context, context.Request.RouteValues["name"] as string ?? "");

    private async Task SendAsync(HttpContext context, string name)
    {
        if (!options.Value.HasPage || !_files.TryGetValue(name, out PageFile? file))
            throw new RequestFailure(StatusCodes.Status404NotFound, "not_found", "there is no such page");
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.CacheControl = "no-cache"; // asked again by its tag
        headers.ETag = file.Tag;
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(tag => IsOf(tag, file)))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = file.Type;
        context.Response.ContentLength = file.Bytes.Length;
        await context.Response.Body.WriteAsync(file.Bytes, context.RequestAborted).ConfigureAwait(false);
    }

    private static bool IsOf(EntityTagHeaderValue tag, PageFile file) =>
        tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(new EntityTagHeaderValue(file.Tag), useStrongComparison: false);

    private static IEnumerable<KeyValuePair<string, PageFile>> Load()
    {
        foreach (string resource in typeof(PageFiles).Assembly.GetManifestResourceNames())
        {
            if (!resource.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            using Stream stream = typeof(PageFiles).Assembly.GetManifestResourceStream(resource)!;
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            string name = resource[Prefix.Length..].Replace('\\', '/');
            string type = Types.GetValueOrDefault(Path.GetExtension(name)) ?? "application/octet-stream";
            yield return new(name, new PageFile(bytes, type, $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\""));
        }
    }

    private sealed record PageFile(byte[] Bytes, string Type, string Tag);
}
