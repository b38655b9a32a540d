using Microsoft.AspNetCore.Builder;
using Scalar.AspNetCore;

namespace Dino.Gpu.Server.Hosting;

/// <summary>The OpenAPI document at <c>/openapi.json</c>, and Scalar's page of it at <c>/reference</c>.</summary>
internal static class ReferencePage
{
    private const string Document = "/openapi.json";
    private const string Page = "/reference";

    /// <summary>Maps both. The page asks nobody but this server: its scripts are in the package.</summary>
    public static void Map(WebApplication app)
    {
        app.MapOpenApi(Document);
        app.MapScalarApiReference(Page, options => options
            .WithTitle("dino serve")
            .WithOpenApiRoutePattern(Document)
            .WithNonce()
            .DisableDefaultFonts()
            .DisableTelemetry());
    }

    /// <summary>
    /// Lets Scalar's page run the scripts that carry its nonce. Its styles are made by a script, so they are inline.
    /// </summary>
    public static void UsePolicy(WebApplication app) => app.Use((context, next) =>
    {
        if (context.Request.Path.StartsWithSegments(Page, StringComparison.Ordinal))
        {
            context.Response.OnStarting(() =>
            {
                string nonce = context.Items[ScalarOptions.NonceHttpContextItemKey] is string value ? $" 'nonce-{value}'" : "";
                context.Response.Headers.ContentSecurityPolicy =
                    $"default-src 'none'; script-src 'self'{nonce}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
                    + "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
                context.Response.Headers.XContentTypeOptions = "nosniff";
                return Task.CompletedTask;
            });
        }

        return next(context);
    });
}
