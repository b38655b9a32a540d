using Dino.Gpu.Data.Pictures;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino attention</c>, as the command line asks for it.</summary>
internal sealed record AttentionSettings : ImageBatchSettings
{
    /// <summary>Negative from the end.</summary>
    public required int Layer { get; init; }

    public required HeadChoice Heads { get; init; }

    public required AttentionDrawing Drawing { get; init; }
}
