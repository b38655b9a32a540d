namespace Dino.Gpu.Cli.Progress;

/// <summary>Picks the display that suits where stderr goes.</summary>
internal static class ProgressDisplay
{
    /// <param name="counter">What is shown.</param>
    /// <param name="console">Whose stderr is used.</param>
    /// <param name="quiet">Errors only.</param>
    /// <param name="rowsOnTerminal">Rows scroll over the same terminal, which would tear a bar apart.</param>
    public static IProgressDisplay Create(ProgressCounter counter, CliConsole console, bool quiet, bool rowsOnTerminal)
    {
        if (quiet)
            return new QuietProgress(counter, console.Error);
        return console.ErrorIsTerminal && !rowsOnTerminal
            ? new BarProgress(counter, console.Error)
            : new LineProgress(counter, console.Error);
    }
}
