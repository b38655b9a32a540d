using System.Text.Json;

namespace Dino.Gpu.Tests.Server;

/// <summary>The OpenAPI document says what the server takes and answers.</summary>
[Collection(nameof(ServerCollection))]
public sealed class ApiDocumentTests(ServerFixture fixture)
{
    [Fact]
    public async Task Body_of_embeddings_has_texts_or_messages()
    {
        JsonElement body = BodyOf(await OperationAsync("/v1/embeddings", "post"));
        Assert.Equal(
            ["input", "messages"],
            body.GetProperty("oneOf").EnumerateArray().Select(one => one.GetProperty("required")[0].GetString()));
        JsonElement properties = body.GetProperty("properties");
        Assert.Equal(["string", "array"], Choices(properties.GetProperty("input")));
        Assert.True(properties.GetProperty("messages").GetProperty("items").GetProperty("properties").TryGetProperty("content", out _));
        Assert.DoesNotContain("string", Types(properties.GetProperty("dimensions")));
        Assert.False(body.TryGetProperty("required", out _));
    }

    [Fact]
    public async Task Embedding_is_a_list_of_numbers_or_base64()
    {
        JsonElement answer = AnswerOf(await OperationAsync("/v1/embeddings", "post"), "200");
        JsonElement item = answer.GetProperty("properties").GetProperty("data").GetProperty("items").GetProperty("properties");
        Assert.Equal(["string", "array"], Choices(item.GetProperty("embedding")));
        Assert.Equal(["integer"], Types(item.GetProperty("index")));
    }

    [Fact]
    public async Task Parameters_and_members_that_are_numbers_are_no_texts()
    {
        JsonElement search = await OperationAsync("/v1/search", "post");
        Assert.Equal(["integer"], Types(search.GetProperty("parameters")[0].GetProperty("schema")));
        JsonElement body = BodyOf(search);
        Assert.DoesNotContain("string", Types(body.GetProperty("properties").GetProperty("k")));
        Assert.Equal(["number"], Types(body.GetProperty("properties").GetProperty("embedding").GetProperty("items")));
        JsonElement[] attention = [.. (await OperationAsync("/attention", "post")).GetProperty("parameters").EnumerateArray()];
        Assert.Equal(
            ["string", "integer", "string", "number"], attention.SelectMany(one => Types(one.GetProperty("schema"))));
        Assert.Equal(["boolean"], Types((await OperationAsync("/embed", "post")).GetProperty("parameters")[1].GetProperty("schema")));
        Assert.False(BodyOf(await OperationAsync("/v1/index/{id}", "put")).GetProperty("properties").TryGetProperty("k", out _));
    }

    [Theory]
    [InlineData("/v1/embeddings", "post", "200 400 401 404 408 413 415 422 429 503")]
    [InlineData("/embed", "post", "200 400 401 406 408 413 415 422 429 503")]
    [InlineData("/attention", "post", "200 400 401 406 408 413 415 422 429 503")]
    [InlineData("/v1/search", "post", "200 400 401 404 408 413 415 422 429 503")]
    [InlineData("/v1/index/{id}", "put", "200 201 400 401 403 404 408 413 415 422 429 503")]
    [InlineData("/v1/index/{id}", "delete", "200 400 401 403 404 503")]
    [InlineData("/v1/index/{id}", "get", "200 400 401 404 503")]
    [InlineData("/v1/models", "get", "200 401")]
    [InlineData("/info", "get", "200 401 503")]
    public async Task Every_status_is_there_and_errors_have_their_shape(string path, string method, string statuses)
    {
        JsonElement operation = await OperationAsync(path, method);
        JsonProperty[] responses = [.. operation.GetProperty("responses").EnumerateObject()];
        Assert.Equal(statuses.Split(' '), responses.Select(one => one.Name).Order());
        foreach (JsonProperty refusal in responses.Where(one => one.Name[0] == '4' || one.Name[0] == '5'))
        {
            JsonProperty content = Assert.Single(refusal.Value.GetProperty("content").EnumerateObject());
            bool isOpenAI = path.StartsWith("/v1", StringComparison.Ordinal);
            Assert.Equal(isOpenAI ? "application/json" : "application/problem+json", content.Name);
            Assert.True(content.Value.GetProperty("schema").GetProperty("properties").TryGetProperty(isOpenAI ? "error" : "reason", out _));
        }
    }

    private static JsonElement BodyOf(JsonElement operation) =>
        operation.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema");

    private static JsonElement AnswerOf(JsonElement operation, string status) =>
        operation.GetProperty("responses").GetProperty(status).GetProperty("content").GetProperty("application/json").GetProperty("schema");

    private static string[] Choices(JsonElement schema) =>
        [.. schema.GetProperty("anyOf").EnumerateArray().SelectMany(Types)];

    /// <summary>One type, or several, of which null is none that matters here.</summary>
    private static string[] Types(JsonElement schema) => schema.GetProperty("type") is { ValueKind: JsonValueKind.Array } several
        ? [.. several.EnumerateArray().Select(one => one.GetString()!).Where(one => one != "null")]
        : [schema.GetProperty("type").GetString()!];

    private async Task<JsonElement> OperationAsync(string path, string method) =>
        JsonDocument.Parse(await fixture.Client.GetStringAsync("/openapi.json")).RootElement
            .GetProperty("paths").GetProperty(path).GetProperty(method);
}
