using System.Globalization;
using System.Text.Json.Serialization;
using Dino.Gpu.Server.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Dino.Gpu.Server.Hosting;

/// <summary>Makes the OpenAPI document from what endpoints say about themselves.</summary>
internal static class ApiDocument
{
    private const string Json = "application/json";
    private const string Problem = "application/problem+json";
    private const string Form = "multipart/form-data";

    private static readonly Dictionary<int, string> Refusals = new()
    {
        [400] = "The JSON, the form or a parameter is wrong",
        [401] = "The key is wrong or missing",
        [403] = "The index cannot be changed",
        [404] = "There is no such model, index, id or picture",
        [406] = "Nothing that Accept names",
        [408] = "The body took too long",
        [413] = "The body is too large",
        [415] = "Another Content-Type, or a Content-Encoding",
        [422] = "A picture cannot be read; the answer has the vectors of the others",
        [429] = "Too busy",
        [503] = "The model is being loaded, the server stops, or the index cannot be written",
    };

    /// <summary>Adds it.</summary>
    public static void Add(IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict); // no numbers in texts
        services.AddOpenApi(Describe);
    }

    private static void Describe(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = "dino serve", Version = ProductVersion.Current };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(DescribeAsync);
        options.AddSchemaTransformer((schema, context, _) =>
        {
            Choose(schema, context.JsonTypeInfo.Type);
            return Task.CompletedTask;
        });
    }

    /// <summary>Says where there is a choice, which no type of .NET has.</summary>
    private static void Choose(OpenApiSchema schema, Type type)
    {
        if (type == typeof(EmbeddingsBody))
            schema.OneOf = [Requires("input"), Requires("messages")];
        else if (type == typeof(SearchBody) || type == typeof(PutBody))
            schema.OneOf = [Requires("input"), Requires("embedding")];
        else if (type == typeof(OneOrMoreTexts))
            Either(JsonSchemaType.String);
        else if (type == typeof(NumbersOrBase64))
            Either(JsonSchemaType.Number);

        void Either(JsonSchemaType item)
        {
            schema.Type = null;
            schema.AnyOf =
            [
                new OpenApiSchema { Type = JsonSchemaType.String },
                new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = item } },
            ];
        }

        static OpenApiSchema Requires(string member) => new() { Required = new HashSet<string> { member } };
    }

    private static async Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        if (context.Description.ActionDescriptor.EndpointMetadata.OfType<ApiDescription>().FirstOrDefault() is not { } its)
            return;
        operation.Summary = its.Summary;
        operation.Parameters = [];
        foreach ((string name, Type type, string description) in its.Query)
            operation.Parameters.Add(Parameter(name, description, ParameterLocation.Query, await SchemaAsync(type).ConfigureAwait(false)));
        if (its.HasId)
            operation.Parameters.Add(Parameter("id", "What the vector is called, such as a path", ParameterLocation.Path, Text()));
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
        if (its.MayCreate)
            operation.Responses["201"] = new OpenApiResponse { Description = "The answer, where the id is new", Content = answer };
        bool isOpenAI = context.Description.ActionDescriptor.EndpointMetadata.OfType<ErrorAnswer.OpenAIShape>().Any();
        OpenApiMediaType error = await OfAsync(isOpenAI ? typeof(OpenAIErrorAnswer) : typeof(ProblemAnswer)).ConfigureAwait(false);
        foreach (int status in its.Refusals.Order())
        {
            operation.Responses[status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = Refusals[status],
                Content = new Dictionary<string, OpenApiMediaType> { [isOpenAI ? Json : Problem] = error },
            };
        }

        async Task<OpenApiMediaType> OfAsync(Type type) => new() { Schema = await SchemaAsync(type).ConfigureAwait(false) };

        Task<OpenApiSchema> SchemaAsync(Type type) => context.GetOrCreateSchemaAsync(type, null, cancellation);
    }

    private static OpenApiParameter Parameter(string name, string description, ParameterLocation place, OpenApiSchema schema) => new()
    {
        Name = name,
        In = place,
        Required = place == ParameterLocation.Path,
        Description = description,
        Schema = schema,
    };

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };

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
