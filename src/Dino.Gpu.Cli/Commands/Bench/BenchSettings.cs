namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino bench</c>, as the command line asks for it.</summary>
internal sealed record BenchSettings
{
    /// <summary>Images of the end-to-end run; empty for generated ones.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>The last one is measured step by step and end to end.</summary>
    public required IReadOnlyList<int> Batches { get; init; }

    /// <summary>Rounds of each measurement.</summary>
    public required int Rounds { get; init; }

    /// <summary>A checkpoint, or <c>synthetic</c>.</summary>
    public required string Weights { get; init; }

    /// <summary>Device, precision, input size, decoder.</summary>
    public required DinoOptions Model { get; init; }

    /// <summary>Files decoded at the same time.</summary>
    public required int Workers { get; init; }

    public required bool Json { get; init; }
}
