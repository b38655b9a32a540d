namespace Dino.Gpu.Cli.Terminal;

/// <summary>How progress is shown, as <c>--progress</c> says.</summary>
internal enum ProgressKind
{
    /// <summary>A bar on a terminal, else lines.</summary>
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

/// <summary>Picks the display that suits where stderr goes.</summary>
internal static class ProgressDisplay
{
    /// <param name="kind">What was asked for.</param>
    /// <param name="counter">What is shown.</param>
    /// <param name="console">Whose stderr is used.</param>
    /// <param name="rowsOnTerminal">Rows scroll over the same terminal, which would tear a bar apart.</param>
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
