using System.Text.Json.Serialization;

namespace Dino.Gpu.Server.Http;

// The JSON of requests and answers, for the OpenAPI document: it is read and written without these types.
internal sealed record EmbeddingsBody(
    [property: JsonPropertyName("input")] OneOrMoreTexts? Input = null,
    [property: JsonPropertyName("messages")] IReadOnlyList<EmbeddingsMessage>? Messages = null,
    [property: JsonPropertyName("model")] string? Model = null,
    [property: JsonPropertyName("modality")] string? Modality = null,
    [property: JsonPropertyName("encoding_format")] string? EncodingFormat = null,
    [property: JsonPropertyName("dimensions")] int? Dimensions = null,
    [property: JsonPropertyName("normalize")] bool? Normalize = null);

/// <summary>A text, or a list of them.</summary>
internal sealed record OneOrMoreTexts;

/// <summary>A list of numbers, or base64 of them.</summary>
internal sealed record NumbersOrBase64;

internal sealed record EmbeddingsMessage(
    [property: JsonPropertyName("content")] IReadOnlyList<EmbeddingsPart> Content,
    [property: JsonPropertyName("role")] string? Role = null);

internal sealed record EmbeddingsPart(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("image_url")] EmbeddingsUrl? ImageUrl = null,
    [property: JsonPropertyName("text")] string? Text = null);

internal sealed record EmbeddingsUrl([property: JsonPropertyName("url")] string Url);

internal sealed record EmbeddingsAnswer(
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("data")] IReadOnlyList<EmbeddingsItem> Data,
    [property: JsonPropertyName("model")] string Model,
    [property: JsonPropertyName("usage")] EmbeddingsUsage Usage);

internal sealed record EmbeddingsItem(
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("index")] int Index,
    [property: JsonPropertyName("embedding")] NumbersOrBase64 Embedding);

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

internal sealed record PutBody(
    [property: JsonPropertyName("input")] string? Input = null,
    [property: JsonPropertyName("embedding")] IReadOnlyList<float>? Embedding = null,
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

/// <summary>What is wrong, in OpenAI's shape.</summary>
internal sealed record OpenAIErrorAnswer([property: JsonPropertyName("error")] OpenAIError Error);

internal sealed record OpenAIError(
    [property: JsonPropertyName("message")] string Message,
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("param")] string? Param,
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("errors")] IReadOnlyList<OpenAIErrorItem>? Errors = null);

internal sealed record OpenAIErrorItem(
    [property: JsonPropertyName("index")] int Index,
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("message")] string Message);

/// <summary>What is wrong, as problem JSON (RFC 9457).</summary>
internal sealed record ProblemAnswer(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("status")] int Status,
    [property: JsonPropertyName("detail")] string Detail,
    [property: JsonPropertyName("reason")] string Reason,
    [property: JsonPropertyName("hint")] string? Hint = null,
    [property: JsonPropertyName("errors")] IReadOnlyList<ProblemItem>? Errors = null);

internal sealed record ProblemItem(
    [property: JsonPropertyName("index")] int Index,
    [property: JsonPropertyName("reason")] string Reason,
    [property: JsonPropertyName("detail")] string Detail,
    [property: JsonPropertyName("name")] string? Name = null);
