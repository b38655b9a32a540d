namespace Dino.Gpu.Cli.Commands;

/// <summary>Settings of every command that writes files for each image.</summary>
internal record ImageBatchSettings
{
    /// <summary>Files, folders, globs, lists, archives, or <c>-</c>.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Where the files go.</summary>
    public required string Directory { get; init; }

    /// <summary>Value of <c>--weights</c>, or null to look in the usual places.</summary>
    public required string? Weights { get; init; }

    public required DinoOptions Model { get; init; }

    /// <summary>The decoder's limit of pixels per picture.</summary>
    public required long MaxPixels { get; init; }

    /// <summary>Whether to print a summary as JSON.</summary>
    public bool Json { get; init; }
}
