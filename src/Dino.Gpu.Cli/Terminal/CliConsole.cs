using Dino.Gpu.Files;

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

    /// <summary>Says what the user should know about the inputs.</summary>
    public void TellNotes(IEnumerable<string> notes, bool quiet)
    {
        foreach (string note in quiet ? [] : notes)
            Tell($"dino: note: {MessageText.OneLine(note)}");
    }

    /// <summary>Says why the command ended without its result, and what to do about it.</summary>
    /// <param name="message">One line: what was expected, what was found.</param>
    /// <param name="hint">One line, or null.</param>
    public void TellError(string message, string? hint)
    {
        if (ErrorIsJson)
        {
            Error.WriteLine(JsonProgress.Error(message, hint));
            return;
        }

        Error.WriteLine($"dino: error: {message}");
        if (hint is not null)
            Error.WriteLine($"hint: {hint}");
    }
}
