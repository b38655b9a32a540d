using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// The standard streams of one command. Tests pass their own and run a command inside their process. Every line on
/// stderr has one form: <c>dino: ...</c>, <c>dino: note: ...</c>, <c>dino: warning: ...</c>, or
/// <c>dino: error: ...</c>, the last two perhaps with a second line <c>hint: ...</c>.
/// </summary>
internal sealed class CliConsole
{
    /// <summary>Starts the line of an error.</summary>
    public const string ErrorPrefix = "dino: error: ";

    /// <summary>Starts the line below an error.</summary>
    public const string HintPrefix = "hint: ";

    private readonly HashSet<string> _told = []; // hints below warnings, and what is told once

    public required TextReader Input { get; init; }

    /// <summary>Data only.</summary>
    public required Stream Output { get; init; }

    /// <summary>
    /// Data that is text: tables, lists, help. Always flushed. Without a value it is <see cref="Output"/> as UTF-8.
    /// </summary>
    [AllowNull]
    public TextWriter Text
    {
        get => field ??= new StreamWriter(Output, new UTF8Encoding(false), leaveOpen: true) { AutoFlush = true };
        init;
    }

    /// <summary>Progress, notes, warnings, errors.</summary>
    public required TextWriter Error { get; init; }

    public bool OutputIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    /// <summary>Whether the terminal behind <see cref="Output"/> is too narrow for tables with paths.</summary>
    public bool OutputIsNarrow { get; init; }

    /// <summary>Columns of help texts.</summary>
    public int Width { get; init; } = 80;

    /// <summary>Reads an environment variable; of none unless the process passes its own.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    /// <summary>Whether every line on stderr is a JSON object, as <c>--progress json</c> promises.</summary>
    public bool ErrorIsJson { get; set; }

    /// <summary>Whether <c>--quiet</c> is given.</summary>
    public bool IsQuiet { get; set; }

    /// <summary>Whether <c>--verbose</c> is given.</summary>
    public bool IsVerbose { get; set; }

    /// <summary>Whether a note or a warning is told once, as of a command that reads its inputs several times.</summary>
    public bool TellsOnce { get; set; }

    /// <summary>Takes how long the process may go on after a signal; null where none ends it.</summary>
    public Action<TimeSpan>? AllowEnd { get; set; }

    /// <summary>What a command with several passes is doing now. Progress says it before the counts.</summary>
    public string? Activity { get; set; }

    /// <summary>Writes a line on stderr that already has its prefix.</summary>
    public void Tell(string line)
    {
        string visible = TerminalText.Line(line);
        Error.WriteLine(ErrorIsJson ? JsonProgress.Message(visible) : visible);
    }

    /// <summary>Says what the command is doing or did; not with <c>--quiet</c>.</summary>
    public void Say(string message)
    {
        if (!IsQuiet)
            Tell($"dino: {message}");
    }

    /// <summary>Says a detail; only with <c>--verbose</c>.</summary>
    public void Detail(string message)
    {
        if (IsVerbose)
            Tell($"dino: {message}");
    }

    /// <summary>Says what is as expected but may surprise; not with <c>--quiet</c>.</summary>
    public void Note(string message)
    {
        if (!IsQuiet && (!TellsOnce || IsNew(message)))
            Tell($"dino: note: {message}");
    }

    /// <summary>Says what the user should know about the inputs; not with <c>--quiet</c>.</summary>
    public void TellNotes(IEnumerable<string> notes)
    {
        foreach (string note in notes)
            Note(note);
    }

    /// <summary>Says that the result is less than what was asked for.</summary>
    public void Warn(string message)
    {
        if (!TellsOnce || IsNew(message))
            Tell($"dino: warning: {message}");
    }

    /// <summary>
    /// Says that the result is less than what was asked for, and what to do about it; null for nothing.
    /// </summary>
    public void Warn(string message, string? hint)
    {
        Warn(message);
        if (hint is not null && IsNew(hint))
            Tell($"{HintPrefix}{hint}");
    }

    /// <summary>Whether a hint below a warning is to be printed: once, even if a thousand images fail alike.</summary>
    public bool IsNew(string hint) => _told.Add(hint);

    /// <summary>Says why the command ended without its result, and what to do about it.</summary>
    /// <param name="message">One line: what is wrong, what was expected, what was found.</param>
    /// <param name="hint">One line, or null.</param>
    public void TellError(string message, string? hint)
    {
        message = TerminalText.Line(message);
        hint = hint is null ? null : TerminalText.Line(hint);
        if (ErrorIsJson)
        {
            Error.WriteLine(JsonProgress.Error(message, hint));
            return;
        }

        Error.WriteLine($"{ErrorPrefix}{message}");
        if (hint is not null)
            Error.WriteLine($"{HintPrefix}{hint}");
    }
}
