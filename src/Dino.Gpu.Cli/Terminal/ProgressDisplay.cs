namespace Dino.Gpu.Cli.Terminal;

/// <summary>The values of <c>--progress</c>.</summary>
internal enum ProgressKind
{
    /// <summary>A bar on a terminal, plain lines otherwise.</summary>
    Auto,

    /// <summary>A bar.</summary>
    Bar,

    /// <summary>A plain line every few seconds.</summary>
    Lines,

    /// <summary>JSON lines.</summary>
    Json,

    /// <summary>Errors only.</summary>
    None,
}

/// <summary>Chooses the display for a kind of stderr.</summary>
internal static class ProgressDisplay
{
    /// <param name="kind">The value of <c>--progress</c>.</param>
    /// <param name="counter">The counts to show.</param>
    /// <param name="console">Its stderr is used.</param>
    /// <param name="rowsOnTerminal">Whether rows go to the same terminal. They would break a bar apart.</param>
    public static IProgressDisplay Create(
        ProgressKind kind, ProgressCounter counter, CliConsole console, bool rowsOnTerminal) => kind switch
        {
            _ when console.IsQuiet => new QuietProgress(counter, console),
            ProgressKind.None => new QuietProgress(counter, console),
            ProgressKind.Json => new JsonProgress(counter, console.Error),
            ProgressKind.Bar => new BarProgress(counter, console.Error, console.Activity),
            ProgressKind.Auto when console.ErrorIsTerminal && !rowsOnTerminal => new BarProgress(counter, console.Error, console.Activity),
            _ => new LineProgress(counter, console.Error, activity: console.Activity),
        };
}
