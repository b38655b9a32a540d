namespace Dino.Gpu.Fuzz;

/// <summary>A reader under test.</summary>
/// <param name="Name">As the command line takes it; the folder of its corpus.</param>
/// <param name="Run">Gives it an input. A refusal is a <see cref="DinoException"/>.</param>
internal sealed record FuzzTarget(string Name, Action<FuzzInput> Run)
{
    /// <summary>Words of the format, which mutations put in.</summary>
    public byte[][] Tokens { get; init; } = [];

    /// <summary>Makes checksums right in place, so that what lies behind them is reached.</summary>
    public Action<byte[]>? Repair { get; init; }

    /// <summary>Whether code that is instrumented understands the format. Else a native library does.</summary>
    public bool IsGuided { get; init; } = true;

    /// <summary>Whether a native library holds memory that the collector does not see.</summary>
    public bool IsNative { get; init; }
}
