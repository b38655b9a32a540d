namespace Dino.Gpu.Cli;

/// <summary>The standard streams, passed in so that tests can run a command inside their own process.</summary>
internal sealed class CliConsole
{
    public required TextReader Input { get; init; }

    /// <summary>Data only.</summary>
    public required Stream Output { get; init; }

    /// <summary>Progress, warnings, summaries, errors.</summary>
    public required TextWriter Error { get; init; }

    public bool OutputIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }
}
