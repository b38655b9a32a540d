using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Embedding;

/// <summary>What <c>dino embed --output</c> writes for each image: one vector, every token, or the patches.</summary>
/// <param name="Pooling">How tokens become a vector; null for tokens.</param>
/// <param name="Grid">Whether of tokens only the patches are written, as a grid.</param>
internal sealed record OutputKind(Pooling? Pooling, bool Grid = false)
{
    /// <summary>What <see cref="Parse"/> takes, for messages.</summary>
    public const string Names = $"{Pooling.Names}, tokens or patches";

    /// <summary>The class token: the embedding.</summary>
    public static OutputKind ClassToken { get; } = new(Features.Pooling.ClassToken);

    /// <summary>Every token, the class token first.</summary>
    public static OutputKind Tokens { get; } = new(Pooling: null);

    /// <summary>The patch tokens as a grid.</summary>
    public static OutputKind Patches { get; } = new(null, Grid: true);

    /// <summary>By the name that <c>--output</c> takes, which <c>run.json</c> keeps; null for any other.</summary>
    public static OutputKind? Parse(string name) => name switch
    {
        "tokens" => Tokens,
        "patches" => Patches,
        _ => Features.Pooling.Parse(name) is { } pooling ? new OutputKind(pooling) : null,
    };
}
