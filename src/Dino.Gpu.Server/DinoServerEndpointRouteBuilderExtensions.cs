using Dino.Gpu.Server;
using Dino.Gpu.Server.Http;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Server.Rpc;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

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
        RouteGroupBuilder group = endpoints.MapGroup(prefix).WithTags("dino");
        MapApi(group, services);
        MapStatus(group, services);
        return group.Guarded(services);
    }

    /// <summary>
    /// Maps the gRPC service <c>dino.v1.Dino</c>, which answers the same. Without TLS it needs a port of its own that
    /// speaks HTTP/2 only.
    /// </summary>
    /// <param name="endpoints">The program.</param>
    /// <returns>The endpoints, for conventions such as authorization.</returns>
    public static IEndpointConventionBuilder MapDinoGpuGrpc(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        IServiceProvider services = endpoints.ServiceProvider;
        BodyMemory memory = services.GetRequiredService<BodyMemory>();
        DinoServerOptions options = services.GetRequiredService<IOptions<DinoServerOptions>>().Value;
        CancellationToken stopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        GrpcServiceEndpointConventionBuilder calls = endpoints.MapGrpcService<DinoService>();
        calls.Add(endpoint =>
        {
            RequestDelegate inner = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context => RpcBody.RunAsync(context, inner, memory, options, stopping);
        });
        return calls.Guarded(services);
    }

    /// <summary>Lets the guard stand before endpoints.</summary>
    internal static IEndpointConventionBuilder Guarded(this IEndpointConventionBuilder endpoints, IServiceProvider services)
    {
        RequestGuard guard = services.GetRequiredService<RequestGuard>();
        endpoints.Add(endpoint =>
        {
            RequestDelegate inner = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context => guard.RunAsync(context, inner);
        });
        return endpoints;
    }

    private static void MapApi(RouteGroupBuilder group, IServiceProvider services)
    {
        EmbeddingEndpoints embeddings = services.GetRequiredService<EmbeddingEndpoints>();
        IndexEndpoints index = services.GetRequiredService<IndexEndpoints>();
        StatusEndpoints status = services.GetRequiredService<StatusEndpoints>();
        var openAI = new ErrorAnswer.OpenAIShape();
        // Delegates, not RequestDelegates: these are in the OpenAPI document of the program.
        group.MapPost("/v1/embeddings", (Delegate)embeddings.OpenAIAsync).WithMetadata(openAI, ApiDescription.Embeddings);
        group.MapGet("/v1/models", (Delegate)status.ModelsAsync).WithMetadata(openAI, ApiDescription.Models);
        group.MapPost(IndexEndpoints.Search, (Delegate)index.SearchAsync).WithMetadata(openAI, ApiDescription.Search);
        group.MapPut(IndexEndpoints.Ids + "{**id}", (Delegate)index.PutAsync).WithMetadata(openAI, ApiDescription.Put);
        group.MapDelete(IndexEndpoints.Ids + "{**id}", (Delegate)index.DeleteAsync).WithMetadata(openAI, ApiDescription.Delete);
        group.MapGet(IndexEndpoints.Ids + "{**id}", (Delegate)index.PictureAsync).WithMetadata(openAI, ApiDescription.Picture);
        group.MapPost("/embed", (Delegate)embeddings.PlainAsync).WithMetadata(ApiDescription.Embed);
        group.MapPost("/attention", (Delegate)services.GetRequiredService<AttentionEndpoint>().AnswerAsync)
            .WithMetadata(ApiDescription.Attention);
        group.MapGet("/info", (Delegate)status.InfoAsync).WithMetadata(ApiDescription.Info);
        group.MapMethods("/info", [HttpMethods.Head], (Delegate)status.InfoAsync).ExcludeFromDescription(); // as GET, which is described
    }

    private static void MapStatus(RouteGroupBuilder group, IServiceProvider services)
    {
        StatusEndpoints status = services.GetRequiredService<StatusEndpoints>();
        PageFiles page = services.GetRequiredService<PageFiles>();
        var open = new RequestGuard.Open();
        Map("/health", status.ReadyAsync);
        Map("/health/live", status.LiveAsync);
        Map("/health/ready", status.ReadyAsync);
        Map("/", page.StartAsync);
        Map("/page/{**name}", page.FileAsync);

        // Watchers ask with HEAD, too; a server sends no body to them.
        void Map(string path, RequestDelegate endpoint) =>
            group.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], endpoint).WithMetadata(open);
    }
}
