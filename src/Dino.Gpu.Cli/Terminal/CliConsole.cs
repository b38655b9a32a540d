namespace Dino.Gpu.Cli.Terminal;

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

    /// <summary>Whether every line on stderr is a JSON object, as <c>--progress json</c> promises.</summary>
    public bool ErrorIsJson { get; set; }

    /// <summary>A line for people on stderr.</summary>
    public void Tell(string line) => Error.WriteLine(ErrorIsJson ? JsonProgress.Message(line) : line);

    /// <summary>Why the command ended without its result.</summary>
    public void TellFailure(string line) => Error.WriteLine(ErrorIsJson ? JsonProgress.Error(line) : line);
}
