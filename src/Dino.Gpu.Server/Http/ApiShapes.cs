using System.Text.Json.Serialization;

namespace Dino.Gpu.Server.Http;

// The JSON of requests and answers, for the OpenAPI document: it is read and written without these types.
internal sealed record EmbeddingsBody(
    [property: JsonPropertyName("input")] IReadOnlyList<string> Input,
    [property: JsonPropertyName("model")] string? Model = null,
    [property: JsonPropertyName("modality")] string? Modality = null,
    [property: JsonPropertyName("encoding_format")] string? EncodingFormat = null,
    [property: JsonPropertyName("dimensions")] int? Dimensions = null,
    [property: JsonPropertyName("normalize")] bool? Normalize = null);

internal sealed record EmbeddingsAnswer(
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("data")] IReadOnlyList<EmbeddingsItem> Data,
    [property: JsonPropertyName("model")] string Model,
    [property: JsonPropertyName("usage")] EmbeddingsUsage Usage);

internal sealed record EmbeddingsItem(
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("index")] int Index,
    [property: JsonPropertyName("embedding")] IReadOnlyList<float> Embedding);

internal sealed record EmbeddingsUsage(
    [property: JsonPropertyName("prompt_tokens")] long PromptTokens,
    [property: JsonPropertyName("total_tokens")] long TotalTokens);

internal sealed record EmbedAnswer(
    [property: JsonPropertyName("model")] string Model,
    [property: JsonPropertyName("output")] string Output,
    [property: JsonPropertyName("shape")] IReadOnlyList<int> Shape,
    [property: JsonPropertyName("embeddings")] IReadOnlyList<EmbedItem> Embeddings);

internal sealed record EmbedItem(
    [property: JsonPropertyName("index")] int Index,
    [property: JsonPropertyName("embedding")] IReadOnlyList<float> Embedding,
    [property: JsonPropertyName("name")] string? Name = null);

internal sealed record SearchBody(
    [property: JsonPropertyName("input")] string? Input = null,
    [property: JsonPropertyName("embedding")] IReadOnlyList<float>? Embedding = null,
    [property: JsonPropertyName("k")] int? K = null,
    [property: JsonPropertyName("model")] string? Model = null);

internal sealed record SearchAnswer(
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("model")] string Model,
    [property: JsonPropertyName("data")] IReadOnlyList<SearchItem> Data);

internal sealed record SearchItem(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("score")] double Score,
    [property: JsonPropertyName("row")] int Row,
    [property: JsonPropertyName("url")] string? Url = null);

internal sealed record ChangeAnswer(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("count")] int Count);
