using System.Text.Json;

namespace Dino.Gpu.Server.Requests;

/// <summary>
/// A body of <c>POST /v1/embeddings</c>: OpenAI's <c>input</c> with pictures as infinity takes them, or vLLM's
/// <c>messages</c>.
/// </summary>
/// <param name="Items">The pictures, as JSON text: data URIs and URLs.</param>
/// <param name="IsBase64">Whether embeddings are wanted in base64.</param>
/// <param name="Normalize">Whether they are scaled to length 1; null for the server's choice.</param>
internal sealed record EmbeddingsRequest(IReadOnlyList<JsonElement> Items, bool IsBase64, bool? Normalize)
{
    private const string Input = "input";
    private const string Messages = "messages";

    /// <summary>Reads a request.</summary>
    /// <param name="root">The body.</param>
    /// <param name="options">Limits, and the model's name.</param>
    /// <param name="dimensions">Values of the model's embedding.</param>
    /// <exception cref="RequestFailure">It asks for what this model cannot do, or for nothing.</exception>
    public static EmbeddingsRequest Read(JsonElement root, DinoServerOptions options, int dimensions)
    {
        ModelName.Check(root, options);
        if (root.Text("modality") is { } modality and not "image")
            throw RequestFailure.Invalid($"modality: this model embeds pictures (expected image, found {Short(modality)})", "modality");
        if (root.Whole("dimensions") is { } wanted && wanted != dimensions)
        {
            throw RequestFailure.Invalid(
                $"dimensions: this model's embeddings cannot be shortened (expected {dimensions}, found {wanted})", "dimensions");
        }

        bool isBase64 = root.Text("encoding_format") switch
        {
            null or "float" => false,
            "base64" => true,
            var other => throw RequestFailure.Invalid(
                $"encoding_format: expected float or base64, found {Short(other)}", "encoding_format"),
        };
        IReadOnlyList<JsonElement> items = (root.Member(Input), root.Member(Messages)) switch
        {
            ({ } input, null) => OfInput(input, options),
            (null, { } messages) => OfMessages(messages, options),
            (null, null) => throw RequestFailure.Invalid("expected input or messages, found neither", Input),
            _ => throw RequestFailure.Invalid("expected input or messages, found both", Input),
        };
        return items.Count > 0
            ? new EmbeddingsRequest(items, isBase64, root.Flag("normalize"))
            : throw RequestFailure.Invalid("expected at least one picture, found none", Input);
    }

    /// <summary>A text of a client, for a message.</summary>
    internal static string Short(string text) => text.Length <= 40 ? $"'{text}'" : $"'{text[..40]}...'";

    private static IReadOnlyList<JsonElement> OfInput(JsonElement input, DinoServerOptions options)
    {
        if (input.ValueKind == JsonValueKind.String)
            return [input];
        if (input.ValueKind != JsonValueKind.Array)
            throw RequestFailure.Invalid("input: expected a data URI, or a list of them", Input);
        if (input.GetArrayLength() > options.MaxItems)
            throw RequestFailure.TooManyItems(options.MaxItems, input.GetArrayLength());
        JsonElement[] items = [.. input.EnumerateArray()];
        return items.All(item => item.ValueKind == JsonValueKind.String)
            ? items
            : throw RequestFailure.Invalid("input: expected a data URI, or a list of them", Input);
    }

    /// <summary>Every <c>image_url</c> of every message, in their order.</summary>
    private static List<JsonElement> OfMessages(JsonElement messages, DinoServerOptions options)
    {
        var items = new List<JsonElement>();
        foreach (JsonElement message in Array(messages, Messages))
        {
            JsonElement content = message.Member("content") ?? throw RequestFailure.Invalid("messages: one has no content", Messages);
            if (content.ValueKind == JsonValueKind.String)
            {
                RefuseText(content);
                continue;
            }

            foreach (JsonElement part in Array(content, "messages.content"))
            {
                switch (part.Text("type"))
                {
                    case "image_url" when part.Member("image_url") is { } url:
                        items.Add(Url(url));
                        break;
                    case "text" when part.Member("text") is { ValueKind: JsonValueKind.String } text:
                        RefuseText(text);
                        break;
                    default:
                        throw RequestFailure.Invalid("messages: expected parts of type image_url with an image_url", Messages);
                }

                if (items.Count > options.MaxItems)
                    throw RequestFailure.TooManyItems(options.MaxItems, items.Count);
            }
        }

        return items;
    }

    private static JsonElement Url(JsonElement url) => (url.ValueKind == JsonValueKind.String ? url : url.Member("url")) switch
    {
        { ValueKind: JsonValueKind.String } text => text,
        _ => throw RequestFailure.Invalid("messages: expected image_url.url to be a data URI", Messages),
    };

    private static JsonElement.ArrayEnumerator Array(JsonElement element, string name) => element.ValueKind == JsonValueKind.Array
        ? element.EnumerateArray()
        : throw RequestFailure.Invalid($"{name}: expected a list", Messages);

    private static void RefuseText(JsonElement text)
    {
        if (!string.IsNullOrWhiteSpace(text.GetString()))
            throw RequestFailure.Invalid("messages: this model embeds pictures only, found text", Messages, "omit the text");
    }
}
