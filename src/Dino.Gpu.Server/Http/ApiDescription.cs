namespace Dino.Gpu.Server.Http;

/// <summary>What the OpenAPI document says about an endpoint, beside its path.</summary>
/// <param name="Summary">One sentence.</param>
internal sealed record ApiDescription(string Summary)
{
    private static readonly string[] Pictures =
        ["image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "application/octet-stream"];

    /// <summary>Media types of the body that are bytes.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Whether the body may be a form with files.</summary>
    public bool HasForm { get; init; }

    /// <summary>The body as JSON; null for none.</summary>
    public Type? Body { get; init; }

    /// <summary>Parameters in the URL.</summary>
    public IReadOnlyList<(string Name, string Description)> Query { get; init; } = [];

    /// <summary>Whether the path ends with an id.</summary>
    public bool HasId { get; init; }

    /// <summary>Media types of the answer that are bytes.</summary>
    public IReadOnlyList<string> AnswerFiles { get; init; } = [];

    /// <summary>The answer as JSON; null for none.</summary>
    public Type? Answer { get; init; }

    public static ApiDescription Embeddings { get; } = new("Embeds pictures, in OpenAI's shape")
    {
        Body = typeof(EmbeddingsBody),
        Answer = typeof(EmbeddingsAnswer),
    };

    public static ApiDescription Embed { get; } = new("Embeds image files")
    {
        Files = Pictures,
        HasForm = true,
        Query =
        [
            ("output", "As 'dino embed --output' takes it: cls, mean, cls+mean, tokens, patches, ..."),
            ("normalize", "Whether vectors are scaled to length 1"),
        ],
        AnswerFiles = ["application/x-npy", "application/octet-stream"],
        Answer = typeof(EmbedAnswer),
    };

    public static ApiDescription Attention { get; } = new("Draws where the class token looks")
    {
        Files = Pictures,
        Query =
        [
            ("head", "mean, rollout, all or a number"),
            ("layer", "Counted from 0, or from the end: -1 is the last; not with rollout"),
            ("map", "viridis, inferno or gray; of a picture only"),
            ("overlay", "Share of the heat map over the picture, such as 0.5; not with all, and of a picture only"),
        ],
        AnswerFiles = ["image/png", "application/x-npy"],
    };

    public static ApiDescription Search { get; } = new("Finds the nearest vectors of the index")
    {
        Files = Pictures,
        Body = typeof(SearchBody),
        Query = [("k", "How many; 10 unless given")],
        Answer = typeof(SearchAnswer),
    };

    public static ApiDescription Put { get; } = new("Puts a picture or a vector into the index")
    {
        Files = Pictures,
        Body = typeof(SearchBody),
        HasId = true,
        Answer = typeof(ChangeAnswer),
    };

    public static ApiDescription Delete { get; } = new("Removes what an id names from the index")
    {
        HasId = true,
        Answer = typeof(ChangeAnswer),
    };

    public static ApiDescription Picture { get; } = new("The picture of an id, if the server shows pictures")
    {
        HasId = true,
        AnswerFiles = Pictures[..5],
    };
}
