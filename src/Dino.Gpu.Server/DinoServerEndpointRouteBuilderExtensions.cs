using Dino.Gpu.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // where a program looks for it
namespace Microsoft.AspNetCore.Builder;
#pragma warning restore IDE0130

/// <summary>Maps the endpoints of a server that <c>AddDinoServer</c> has registered.</summary>
public static class DinoServerEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps <c>/v1/embeddings</c>, <c>/embed</c>, <c>/attention</c>, <c>/v1/search</c>, <c>/v1/index/{id}</c>,
    /// <c>/health/live</c>, <c>/health/ready</c>, <c>/info</c> and the page.
    /// </summary>
    /// <param name="endpoints">The program.</param>
    /// <param name="prefix">What comes before these paths, such as <c>/dino</c>.</param>
    /// <returns>The endpoints, for conventions such as authorization.</returns>
    public static IEndpointConventionBuilder MapDinoGpu(this IEndpointRouteBuilder endpoints, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        IServiceProvider services = endpoints.ServiceProvider;
        RouteGroupBuilder group = endpoints.MapGroup(prefix);
        MapApi(group, services);
        MapStatus(group, services);
        RequestGuard guard = services.GetRequiredService<RequestGuard>();
        ((IEndpointConventionBuilder)group).Add(endpoint =>
        {
            RequestDelegate inner = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context => guard.RunAsync(context, inner);
        });
        return group;
    }

    private static void MapApi(RouteGroupBuilder group, IServiceProvider services)
    {
        EmbeddingEndpoints embeddings = services.GetRequiredService<EmbeddingEndpoints>();
        IndexEndpoints index = services.GetRequiredService<IndexEndpoints>();
        StatusEndpoints status = services.GetRequiredService<StatusEndpoints>();
        var openAI = new ErrorAnswer.OpenAIShape();
        group.MapPost("/v1/embeddings", embeddings.OpenAIAsync).WithMetadata(openAI);
        group.MapGet("/v1/models", status.ModelsAsync).WithMetadata(openAI);
        group.MapPost("/v1/search", index.SearchAsync).WithMetadata(openAI);
        group.MapPut(IndexEndpoints.Ids + "{**id}", index.PutAsync).WithMetadata(openAI);
        group.MapDelete(IndexEndpoints.Ids + "{**id}", index.DeleteAsync).WithMetadata(openAI);
        group.MapGet(IndexEndpoints.Ids + "{**id}", index.PictureAsync).WithMetadata(openAI);
        group.MapPost("/embed", embeddings.PlainAsync);
        group.MapPost("/attention", services.GetRequiredService<AttentionEndpoint>().AnswerAsync);
        group.MapGet("/info", status.InfoAsync);
    }

    private static void MapStatus(RouteGroupBuilder group, IServiceProvider services)
    {
        StatusEndpoints status = services.GetRequiredService<StatusEndpoints>();
        PageFiles page = services.GetRequiredService<PageFiles>();
        var open = new RequestGuard.Open();
        group.MapGet("/health", status.ReadyAsync).WithMetadata(open);
        group.MapGet("/health/live", status.LiveAsync).WithMetadata(open);
        group.MapGet("/health/ready", status.ReadyAsync).WithMetadata(open);
        group.MapGet("/", page.StartAsync).WithMetadata(open);
        group.MapGet("/page/{**name}", page.FileAsync).WithMetadata(open);
    }
}
