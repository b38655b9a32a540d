namespace Dino.Gpu.Cli.Commands;

/// <summary>What every command that writes files for each image is asked for.</summary>
internal record ImageBatchSettings
{
    /// <summary>Arguments: files, folders, globs, lists, archives, <c>-</c>.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Where the files go.</summary>
    public required string Directory { get; init; }

    /// <summary>Value of <c>--weights</c>, or null to look in the usual places.</summary>
    public required string? Weights { get; init; }

    public required DinoOptions Model { get; init; }

    /// <summary>Most pixels of a picture, as the decoder has it.</summary>
    public required long MaxPixels { get; init; }
}
