using Dino.Gpu.Server.Http;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Dino.Gpu.Server.Hosting;

/// <summary>Answers only to the server's own names, and says so to whoever calls it by another.</summary>
internal static class HostNames
{
    private static readonly object Passed = new();

    /// <summary>Adds what <see cref="Use"/> needs.</summary>
    /// <param name="services">The container.</param>
    /// <param name="names">The names.</param>
    public static void Add(IServiceCollection services, IReadOnlyList<string> names) => services.AddHostFiltering(filter =>
    {
        filter.AllowedHosts = [.. names];
        filter.IncludeFailureMessage = false; // which would be a page for a browser
    });

    /// <summary>Stands before all others.</summary>
    /// <param name="app">The program.</param>
    /// <param name="names">The names.</param>
    /// <param name="options">The server's options.</param>
    public static void Use(WebApplication app, IReadOnlyList<string> names, DinoServerOptions options)
    {
        // What is behind the filter marks the requests that it lets pass: it does not mark those that it refuses.
        app.Use(async (context, next) =>
        {
            await next(context).ConfigureAwait(false);
            if (context.Items.ContainsKey(Passed) || context.Response.HasStarted)
                return;
            var failure = new RequestFailure(
                StatusCodes.Status400BadRequest,
                "host_not_allowed",
                $"this server does not answer to the name {EmbeddingsRequest.Short(context.Request.Host.Value ?? "")} "
                    + $"(expected {string.Join(", ", names)})",
                "start it with --allowed-hosts and that name");
            await ErrorAnswer.FillAsync(context, failure, options).ConfigureAwait(false);
        });
        app.UseHostFiltering();
        app.Use((context, next) =>
        {
            context.Items[Passed] = Passed;
            return next(context);
        });
    }
}
