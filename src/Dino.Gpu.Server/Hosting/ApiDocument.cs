using Dino.Gpu.Server.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Dino.Gpu.Server.Hosting;

/// <summary>Makes the OpenAPI document from what endpoints say about themselves.</summary>
internal static class ApiDocument
{
    private const string Json = "application/json";
    private const string Form = "multipart/form-data";

    private static readonly (string Status, string When)[] Refusals =
    [
        ("400", "The JSON, the form or a parameter is wrong"),
        ("401", "The key is wrong"),
        ("413", "The body is too large"),
        ("422", "A picture cannot be read"),
        ("429", "Too busy"),
    ];

    /// <summary>Adds it.</summary>
    public static void Add(IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = "dino serve", Version = ProductVersion.Current };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(DescribeAsync);
    });

    private static async Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        if (context.Description.ActionDescriptor.EndpointMetadata.OfType<ApiDescription>().FirstOrDefault() is not { } its)
            return;
        operation.Summary = its.Summary;
        operation.Parameters = [.. its.Query.Select(one => Parameter(one.Name, one.Description, ParameterLocation.Query))];
        if (its.HasId)
            operation.Parameters.Add(Parameter("id", "What the vector is called, such as a path", ParameterLocation.Path));
        Dictionary<string, OpenApiMediaType> body = its.Files.ToDictionary(type => type, _ => Bytes());
        if (its.HasForm)
            body[Form] = Files();
        if (its.Body is not null)
            body[Json] = await OfAsync(its.Body).ConfigureAwait(false);
        if (body.Count > 0)
            operation.RequestBody = new OpenApiRequestBody { Required = true, Content = body };
        Dictionary<string, OpenApiMediaType> answer = its.AnswerFiles.ToDictionary(type => type, _ => Bytes());
        if (its.Answer is not null)
            answer[Json] = await OfAsync(its.Answer).ConfigureAwait(false);
        operation.Responses = new OpenApiResponses { ["200"] = new OpenApiResponse { Description = "The answer", Content = answer } };
        foreach ((string status, string when) in Refusals)
            operation.Responses[status] = new OpenApiResponse { Description = when };
        if (body.Count > 0)
            operation.Responses["415"] = new OpenApiResponse { Description = "Another Content-Type, or a Content-Encoding" };
        if (body.Count > 0 && its.AnswerFiles.Count > 0)
            operation.Responses["406"] = new OpenApiResponse { Description = "Nothing that Accept names" };

        async Task<OpenApiMediaType> OfAsync(Type type) =>
            new() { Schema = await context.GetOrCreateSchemaAsync(type, null, cancellation).ConfigureAwait(false) };
    }

    private static OpenApiParameter Parameter(string name, string description, ParameterLocation place) => new()
    {
        Name = name,
        In = place,
        Required = place == ParameterLocation.Path,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static OpenApiMediaType Bytes() => new() { Schema = Binary() };

    private static OpenApiMediaType Files() => new()
    {
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            AdditionalProperties = Binary(),
        },
    };

    private static OpenApiSchema Binary() => new() { Type = JsonSchemaType.String, Format = "binary" };
}
