namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino pca</c>, as the command line asks for it.</summary>
internal sealed record PcaSettings : ImageBatchSettings
{
    /// <summary>Whether pictures are written.</summary>
    public required bool Maps { get; init; }

    /// <summary>Whether values are written.</summary>
    public required bool Npy { get; init; }
}
