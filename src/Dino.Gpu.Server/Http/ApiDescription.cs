namespace Dino.Gpu.Server.Http;

/// <summary>What the OpenAPI document says about an endpoint, beside its path.</summary>
/// <param name="Summary">One sentence.</param>
internal sealed record ApiDescription(string Summary)
{
    private static readonly string[] Pictures =
        ["image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "application/octet-stream"];

    /// <summary>Statuses that every endpoint which reads a body and needs the model may answer with.</summary>
    private static readonly int[] OfBodies = [400, 401, 408, 413, 415, 422, 429, 503];

    /// <summary>Media types of the body that are bytes.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Whether the body may be a form with files.</summary>
    public bool HasForm { get; init; }

    /// <summary>The body as JSON; null for none.</summary>
    public Type? Body { get; init; }

    /// <summary>Parameters in the URL.</summary>
    public IReadOnlyList<(string Name, Type Type, string Description)> Query { get; init; } = [];

    /// <summary>Whether the path ends with an id.</summary>
    public bool HasId { get; init; }

    /// <summary>Media types of the answer that are bytes.</summary>
    public IReadOnlyList<string> AnswerFiles { get; init; } = [];

    /// <summary>The answer as JSON; null for none.</summary>
    public Type? Answer { get; init; }

    /// <summary>Whether 201 is an answer, too: what the id names is new.</summary>
    public bool MayCreate { get; init; }

    /// <summary>Statuses of refusals.</summary>
    public IReadOnlyList<int> Refusals { get; init; } = [401];

    public static ApiDescription Embeddings { get; } = new("Embeds pictures, in OpenAI's shape")
    {
        Body = typeof(EmbeddingsBody),
        Answer = typeof(EmbeddingsAnswer),
        Refusals = [.. OfBodies, 404],
    };

    public static ApiDescription Embed { get; } = new("Embeds image files")
    {
        Files = Pictures,
        HasForm = true,
        Query =
        [
            ("output", typeof(string), "As 'dino embed --output' takes it: cls, mean, cls+mean, tokens, patches, ..."),
            ("normalize", typeof(bool), "Whether vectors are scaled to length 1"),
        ],
        AnswerFiles = ["application/x-npy", "application/octet-stream"],
        Answer = typeof(EmbedAnswer),
        Refusals = [.. OfBodies, 406],
    };

    public static ApiDescription Attention { get; } = new("Draws where the class token looks")
    {
        Files = Pictures,
        Query =
        [
            ("head", typeof(string), "mean, rollout, all or a number"),
            ("layer", typeof(int), "Counted from 0, or from the end: -1 is the last; not with rollout"),
            ("map", typeof(string), "viridis, inferno or gray; of a picture only"),
            ("overlay", typeof(double), "Share of the heat map over the picture, such as 0.5; not with all, and of a picture only"),
        ],
        AnswerFiles = ["image/png", "application/x-npy"],
        Refusals = [.. OfBodies, 406],
    };

    public static ApiDescription Search { get; } = new("Finds the nearest vectors of the index")
    {
        Files = Pictures,
        Body = typeof(SearchBody),
        Query = [("k", typeof(int), "How many; 10 unless given")],
        Answer = typeof(SearchAnswer),
        Refusals = [.. OfBodies, 404],
    };

    public static ApiDescription Put { get; } = new("Puts a picture or a vector into the index")
    {
        Files = Pictures,
        Body = typeof(PutBody),
        HasId = true,
        Answer = typeof(ChangeAnswer),
        MayCreate = true,
        Refusals = [.. OfBodies, 403, 404],
    };

    public static ApiDescription Info { get; } = new("The model, the index and the limits") { Refusals = [401, 503] };

    public static ApiDescription Models { get; } = new("Lists the model");

    public static ApiDescription Delete { get; } = new("Removes what an id names from the index")
    {
        HasId = true,
        Answer = typeof(ChangeAnswer),
        Refusals = [400, 401, 403, 404, 503],
    };

    public static ApiDescription Picture { get; } = new("The picture of an id, if the server shows pictures")
    {
        HasId = true,
        AnswerFiles = Pictures[..5],
        Refusals = [400, 401, 404, 503],
    };
}
